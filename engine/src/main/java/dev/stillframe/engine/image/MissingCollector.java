package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import java.util.ArrayList;
import java.util.List;

/** Collects what was not available, in address order, joining neighbours. Owned by one thread. */
final class MissingCollector {
    /** What comes behind that many entries is one last entry. */
    private static final int MAX_ENTRIES = 10_000;

    private final List<Missing> entries = new ArrayList<>();

    void add(AddressRange range, String reason) {
        if (entries.isEmpty()) {
            entries.add(new Missing(range, reason));
            return;
        }
        Missing last = entries.getLast();
        AddressRange joined = new AddressRange(last.range().start(), range.end());
        if (entries.size() > MAX_ENTRIES) {
            entries.set(
                    MAX_ENTRIES, new Missing(joined, "many more parts in this range are missing"));
        } else if (last.range().end() == range.start() && last.reason().equals(reason)) {
            entries.set(entries.size() - 1, new Missing(joined, reason));
        } else {
            entries.add(new Missing(range, reason));
        }
    }

    List<Missing> entries() {
        return List.copyOf(entries);
    }
}
