package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import java.util.Arrays;

/** Runs of pages of one mapping, by address. Grows; owned by one thread. */
final class PageRuns {
    private long[] starts = new long[64];
    private long[] ends = new long[64];
    private int count;
    private long pages;

    static PageRuns of(AddressRange range) {
        PageRuns all = new PageRuns();
        all.add(range.start(), range.end());
        return all;
    }

    /** Adds a run behind the last one, or makes that longer. */
    void add(long start, long end) {
        if (count > 0 && ends[count - 1] == start) {
            ends[count - 1] = end;
        } else {
            if (count == starts.length) {
                starts = Arrays.copyOf(starts, 2 * count);
                ends = Arrays.copyOf(ends, 2 * count);
            }
            starts[count] = start;
            ends[count++] = end;
        }
        pages += (end - start) / Block.PAGE_BYTES;
    }

    /** The pages of both. */
    PageRuns or(PageRuns other) {
        if (other.count == 0 || count == 0) {
            return other.count == 0 ? this : other;
        }
        PageRuns both = new PageRuns();
        int ours = 0;
        int others = 0;
        long behind = Long.MIN_VALUE;
        while (ours < count || others < other.count) {
            boolean isOurs =
                    others == other.count || (ours < count && starts[ours] <= other.starts[others]);
            long start = Math.max(behind, isOurs ? starts[ours] : other.starts[others]);
            long end = isOurs ? ends[ours++] : other.ends[others++];
            if (start < end) {
                both.add(start, end);
                behind = end;
            }
        }
        return both;
    }

    /** The pages of these that are in {@code other} too. */
    PageRuns in(PageRuns other) {
        return without(without(other));
    }

    /** The pages of these that are not in {@code other}. */
    PageRuns without(PageRuns other) {
        PageRuns rest = new PageRuns();
        int next = 0;
        for (int run = 0; run < count; run++) {
            long at = starts[run];
            while (next < other.count && other.ends[next] <= at) {
                next++;
            }
            for (int cut = next; cut < other.count && other.starts[cut] < ends[run]; cut++) {
                if (other.starts[cut] > at) {
                    rest.add(at, other.starts[cut]);
                }
                at = Math.max(at, other.ends[cut]);
            }
            if (at < ends[run]) {
                rest.add(at, ends[run]);
            }
        }
        return rest;
    }

    /** With the pages between two runs, where they are fewer than {@code gapPages}. */
    PageRuns joined(int gapPages) {
        PageRuns joined = new PageRuns();
        for (int run = 0; run < count; run++) {
            boolean isNear =
                    run > 0 && starts[run] - ends[run - 1] < (long) gapPages * Block.PAGE_BYTES;
            joined.add(isNear ? ends[run - 1] : starts[run], ends[run]);
        }
        return joined;
    }

    int count() {
        return count;
    }

    long start(int run) {
        return starts[run];
    }

    long end(int run) {
        return ends[run];
    }

    /** Pages of all runs together. */
    long pages() {
        return pages;
    }
}
