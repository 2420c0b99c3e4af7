package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;

/**
 * The ranges that the target discarded or unmapped, in the order in which we were told. A copy is trusted only if no
 * discard of its range was told between a mark before its claim and the end of its unprotect call. Who adds a discard has
 * taken the pages that nobody had claimed before that. Only the last of them are kept: to whoever looks back further, every
 * range seems discarded. Thread-safe; allocates nothing.
 */
final class Discards {
    /** A target can discard so much while one run of pages is copied, and more than that only if we stood meanwhile. */
    private static final int KEPT = 1 << 14;

    private final long[] starts = new long[KEPT];
    private final long[] ends = new long[KEPT];
    private long count;

    /** How many there were; a mark to look back to. */
    synchronized long mark() {
        return count;
    }

    synchronized void add(AddressRange range) {
        int slot = slot(count);
        starts[slot] = range.start();
        ends[slot] = range.end();
        count++;
    }

    /** Whether {@code [start, end)} was touched by a discard since {@code mark}. */
    synchronized boolean since(long mark, long start, long end) {
        if (count - mark > KEPT) {
            return true;
        }
        for (long i = mark; i < count; i++) {
            if (starts[slot(i)] < end && start < ends[slot(i)]) {
                return true;
            }
        }
        return false;
    }

    private static int slot(long number) {
        return (int) (number % KEPT);
    }
}
