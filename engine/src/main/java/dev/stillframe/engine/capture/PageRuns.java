package dev.stillframe.engine.capture;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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

    /** The pages of both. */
    PageRuns or(PageRuns other) {
        if (other.count == 0 || count == 0) {
            return other.count == 0 ? this : other;
        }
        TreeMap<Long, Long> ends = new TreeMap<>();
        for (PageRuns each : List.of(this, other)) {
            for (int run = 0; run < each.count; run++) {
                ends.merge(each.starts[run], each.ends[run], Math::max);
            }
        }
        PageRuns both = new PageRuns();
        long behind = Long.MIN_VALUE;
        for (Map.Entry<Long, Long> each : ends.entrySet()) {
            long start = Math.max(behind, each.getKey());
            if (start < each.getValue()) {
                both.add(start, each.getValue());
                behind = each.getValue();
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
