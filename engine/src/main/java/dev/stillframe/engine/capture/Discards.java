package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;

/**
 * The ranges that the target discarded or unmapped, in the order in which we were told. A copy is
 * trusted only if no discard of its range was told between a mark before its claim and the end of
 * its unprotect call. Who adds a discard has taken the pages that nobody had claimed before that.
 * Only the last of them are kept, and one that is told again and again only once: to whoever looks
 * back further, every range seems discarded. Thread-safe; allocates nothing.
 */
final class Discards {
    /**
     * A target can discard so much while one run of pages is copied, and more than that only if we
     * stood meanwhile.
     */
    private static final int KEPT = 1 << 14;

    /**
     * A target that discards the same few ranges all the time must not push out what else it did.
     */
    private static final int SAME = 16;

    private final long[] starts = new long[KEPT];
    private final long[] ends = new long[KEPT];
    private final long[] numbers = new long[KEPT];
    private long places;
    private long count;

    /** How many there were; a mark to look back to. */
    synchronized long mark() {
        return count;
    }

    synchronized void add(AddressRange range) {
        long place = placeOf(range);
        for (; place < places - 1; place++) {
            set(place, starts[slot(place + 1)], ends[slot(place + 1)], numbers[slot(place + 1)]);
        }
        set(place, range.start(), range.end(), count);
        places = place + 1;
        count++;
    }

    /** Where the range is among the last, or behind them. */
    private long placeOf(AddressRange range) {
        for (long place = places - 1; place >= Math.max(0, places - SAME); place--) {
            if (starts[slot(place)] == range.start() && ends[slot(place)] == range.end()) {
                return place;
            }
        }
        return places;
    }

    private void set(long place, long start, long end, long number) {
        int slot = slot(place);
        starts[slot] = start;
        ends[slot] = end;
        numbers[slot] = number;
    }

    /** Whether {@code [start, end)} was touched by a discard since {@code mark}. */
    synchronized boolean since(long mark, long start, long end) {
        long oldest = Math.max(0, places - KEPT);
        for (long place = places - 1; place >= oldest; place--) {
            int slot = slot(place);
            if (numbers[slot] < mark) {
                return false;
            }
            if (starts[slot] < end && start < ends[slot]) {
                return true;
            }
        }
        return oldest > 0;
    }

    private static int slot(long number) {
        return (int) (number % KEPT);
    }
}
