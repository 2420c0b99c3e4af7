package dev.stillframe.transport.encoding;

import java.util.Arrays;

/**
 * Where in a {@link PageDictionary} a page may be: places by the hash and by the ordinal of what
 * was put there last. A place may be forgotten where many share a bucket, which only costs bytes;
 * that the page is the same is for the caller to see. Owned by one thread; allocates nothing.
 */
final class PageFinder {
    private final long[] lowHash;
    private final long[] highHash;
    private final long[] ordinal;
    private final Buckets byHash;
    private final Buckets byOrdinal;

    PageFinder(int places) {
        lowHash = new long[places];
        highHash = new long[places];
        ordinal = new long[places];
        byHash = new Buckets(lowHash);
        byOrdinal = new Buckets(ordinal);
    }

    /** The place of the page with this hash; -1 if none is known. */
    int find(long low, long high) {
        int place = byHash.find(low);
        return place >= 0 && highHash[place] == high ? place : -1;
    }

    /** The place of the last version of this page; -1 if none is known. */
    int findVersion(long pageOrdinal) {
        return byOrdinal.find(pageOrdinal);
    }

    /** At {@code place} is this page from now on. */
    void put(int place, long low, long high, long pageOrdinal) {
        lowHash[place] = low;
        highHash[place] = high;
        ordinal[place] = pageOrdinal;
        byHash.put(place);
        byOrdinal.put(place);
    }

    /** Places by the key that each has now, some in a bucket. */
    private static final class Buckets {
        private static final long SPREAD = 0x9e3779b97f4a7c15L;
        private static final int ROWS = 4;

        private final long[] keys;
        private final int[] rows;
        private final int shift;

        Buckets(long[] keys) {
            this.keys = keys;
            int buckets = Integer.highestOneBit(Math.max(1, keys.length));
            shift = Long.SIZE - Integer.numberOfTrailingZeros(buckets);
            rows = new int[buckets * ROWS];
            Arrays.fill(rows, -1);
        }

        int find(long key) {
            int first = bucket(key);
            for (int row = first; row < first + ROWS; row++) {
                if (rows[row] >= 0 && keys[rows[row]] == key) {
                    return rows[row];
                }
            }
            return -1;
        }

        /** In place of one that is not there any more, if there is such a one. */
        void put(int place) {
            int first = bucket(keys[place]);
            int chosen = first + place % ROWS;
            for (int row = first; row < first + ROWS; row++) {
                int other = rows[row];
                if (other < 0 || keys[other] == keys[place] || bucket(keys[other]) != first) {
                    chosen = row;
                    break;
                }
            }
            rows[chosen] = place;
        }

        private int bucket(long key) {
            return shift == Long.SIZE ? 0 : (int) ((key * SPREAD) >>> shift) * ROWS;
        }
    }
}
