package dev.stillframe.transport.encoding;

import java.util.Arrays;

/**
 * Where in a {@link PageDictionary} a page may be: places by the hash and by the ordinal of what was
 * put there last. A place that shares its row with a newer one is forgotten, which only costs bytes;
 * that the page is the same is for the caller to see. Owned by one thread; allocates nothing.
 */
final class PageFinder {
    private static final long SPREAD = 0x9e3779b97f4a7c15L;

    private final long[] lowHash;
    private final long[] highHash;
    private final long[] ordinal;
    private final int[] byHash;
    private final int[] byOrdinal;
    private final int shift;

    PageFinder(int places) {
        lowHash = new long[places];
        highHash = new long[places];
        ordinal = new long[places];
        int rows = Integer.highestOneBit(Math.max(1, places)) * 4;
        shift = Long.SIZE - Integer.numberOfTrailingZeros(rows);
        byHash = new int[rows];
        byOrdinal = new int[rows];
        Arrays.fill(byHash, -1);
        Arrays.fill(byOrdinal, -1);
    }

    /** The place of the page with this hash; -1 if none is known. */
    int find(long low, long high) {
        int place = byHash[row(low)];
        return place >= 0 && lowHash[place] == low && highHash[place] == high ? place : -1;
    }

    /** The place of the last version of this page; -1 if none is known. */
    int findVersion(long pageOrdinal) {
        int place = byOrdinal[row(pageOrdinal)];
        return place >= 0 && ordinal[place] == pageOrdinal ? place : -1;
    }

    /** At {@code place} is this page from now on. */
    void put(int place, long low, long high, long pageOrdinal) {
        lowHash[place] = low;
        highHash[place] = high;
        ordinal[place] = pageOrdinal;
        byHash[row(low)] = place;
        byOrdinal[row(pageOrdinal)] = place;
    }

    private int row(long key) {
        return (int) ((key * SPREAD) >>> shift);
    }
}
