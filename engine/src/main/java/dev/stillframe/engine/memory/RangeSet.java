package dev.stillframe.engine.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Address ranges, those that touch joined: however often the same memory is added, it is kept once.
 * Beyond a limit it keeps more than was added, never less. Thread-safe.
 */
public final class RangeSet {
    private final int limit;
    private final TreeMap<Long, Long> ends = new TreeMap<>();
    private volatile boolean isEmpty = true;

    /** Empty; keeps at most {@code limit} ranges apart. */
    public RangeSet(int limit) {
        this.limit = limit;
    }

    public synchronized void add(AddressRange range) {
        join(range.start(), range.end());
        isEmpty = false;
        if (ends.size() > limit) {
            joinNeighbours();
        }
    }

    private void join(long from, long to) {
        long start = from;
        long end = to;
        Map.Entry<Long, Long> below = ends.floorEntry(end);
        while (below != null && below.getValue() >= start) {
            start = Math.min(start, below.getKey());
            end = Math.max(end, below.getValue());
            ends.remove(below.getKey());
            below = ends.floorEntry(end);
        }
        ends.put(start, end);
    }

    /** Pairs of neighbours become one range each, with what is between them. */
    private void joinNeighbours() {
        List<AddressRange> all = ranges();
        for (int i = 0; i + 1 < all.size(); i += 2) {
            join(all.get(i).start(), all.get(i + 1).end());
        }
    }

    /** Whether {@code [start, end)} touches a range. Allocates nothing as long as there is none. */
    public boolean touches(long start, long end) {
        if (isEmpty) {
            return false;
        }
        synchronized (this) {
            Map.Entry<Long, Long> below = ends.lowerEntry(end);
            return below != null && below.getValue() > start;
        }
    }

    /** By address; disjoint, and none touches the next. */
    public synchronized List<AddressRange> ranges() {
        List<AddressRange> ranges = new ArrayList<>(ends.size());
        ends.forEach((start, end) -> ranges.add(new AddressRange(start, end)));
        return ranges;
    }
}
