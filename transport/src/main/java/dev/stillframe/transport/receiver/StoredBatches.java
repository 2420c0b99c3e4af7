package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.Checkpoint;
import java.util.HashMap;
import java.util.Map;

/** Which batches the sink has, in whatever order they came. Owned by one thread. */
final class StoredBatches {
    private final Map<Long, Long> ahead = new HashMap<>();
    private Checkpoint complete;

    /** Begins behind {@code start}. */
    StoredBatches(Checkpoint start) {
        complete = start;
    }

    void add(long sequence, long pages) {
        ahead.put(sequence, pages);
        Long next;
        while ((next = ahead.remove(complete.batches() + 1)) != null) {
            complete = new Checkpoint(complete.batches() + 1, complete.pages() + next);
        }
    }

    /** The last batch before which none is lacking. */
    Checkpoint complete() {
        return complete;
    }
}
