package dev.stillframe.engine.capture;

import java.util.Arrays;

/** Runs of pages of one mapping, with what is said of them. Grows; owned by one thread. */
final class PageRuns {
    private long[] starts = new long[64];
    private long[] ends = new long[64];
    private long[] categories = new long[64];
    private int count;
    private long pages;

    void add(long start, long end, long ofThem) {
        if (count > 0 && ends[count - 1] == start && categories[count - 1] == ofThem) {
            ends[count - 1] = end;
        } else {
            if (count == starts.length) {
                starts = Arrays.copyOf(starts, 2 * count);
                ends = Arrays.copyOf(ends, 2 * count);
                categories = Arrays.copyOf(categories, 2 * count);
            }
            starts[count] = start;
            ends[count] = end;
            categories[count++] = ofThem;
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

    long categories(int run) {
        return categories[run];
    }

    /** Pages of all runs together. */
    long pages() {
        return pages;
    }
}
