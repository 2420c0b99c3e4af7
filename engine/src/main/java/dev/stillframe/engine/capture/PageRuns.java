package dev.stillframe.engine.capture;

import java.util.Arrays;

/** Runs of pages of one mapping, by address. Grows; owned by one thread. */
final class PageRuns {
    private long[] starts = new long[64];
    private long[] ends = new long[64];
    private int count;
    private long pages;

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
