package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The ranges that the target discarded or unmapped, in the order in which we were told. A copy is trusted only if no
 * discard of its range was told between a mark before its claim and the end of its unprotect call. Who adds a discard has
 * taken the pages that nobody had claimed before that. Thread-safe.
 */
final class Discards {
    private final List<AddressRange> ranges = new CopyOnWriteArrayList<>();

    /** How many there are; a mark to look back to. */
    int mark() {
        return ranges.size();
    }

    void add(AddressRange range) {
        ranges.add(range);
    }

    /** Whether {@code [start, end)} was touched by a discard since {@code mark}. */
    boolean since(int mark, long start, long end) {
        for (int i = mark; i < ranges.size(); i++) {
            AddressRange range = ranges.get(i);
            if (range.start() < end && start < range.end()) {
                return true;
            }
        }
        return false;
    }
}
