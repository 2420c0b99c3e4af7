package dev.stillframe.transport.receiver;

import java.util.HashSet;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * Finds what can be acknowledged: a batch and all before it, taken by the sink and released. A sink
 * may release late and in any order. Thread-safe.
 */
final class Acknowledgements {
    private final LongConsumer onAdvance;
    private final Set<Long> releasedAhead = new HashSet<>();
    private long taken;
    private long released;
    private long acknowledged;

    /** {@code onAdvance} is told every new number, in ascending order; it must not block. */
    Acknowledgements(LongConsumer onAdvance) {
        this.onAdvance = onAdvance;
    }

    /** The sink has taken batch {@code sequence}; called in their order. */
    synchronized void taken(long sequence) {
        taken = sequence;
        advance();
    }

    /** The memory of batch {@code sequence} is free. */
    synchronized void released(long sequence) {
        releasedAhead.add(sequence); // at most a window of them
        while (releasedAhead.remove(released + 1)) {
            released++;
        }
        advance();
    }

    private void advance() {
        long now = Math.min(taken, released);
        if (now > acknowledged) {
            acknowledged = now;
            onAdvance.accept(now);
        }
    }
}
