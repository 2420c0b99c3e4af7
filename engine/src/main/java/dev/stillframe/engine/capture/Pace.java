package dev.stillframe.engine.capture;

import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import io.micrometer.core.instrument.Clock;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Lets writers go on no faster than the sink takes their pages, where staging is scarce: many short
 * waits in place of one for a whole block. Thread-safe; allocates nothing.
 */
final class Pace {
    /** What nobody notices is not worth a sleep. */
    private static final long LEAST_NANOS = 100_000;

    /** A sink that seems to stand may have begun to move again. */
    private static final long MOST_NANOS = 10_000_000;

    private final Staging staging;
    private final Clock clock;

    /** When the next page may be staged. */
    private final AtomicLong next = new AtomicLong();

    Pace(Staging staging) {
        this.staging = staging;
        this.clock = staging.clock();
    }

    /** Returns when one more page may be staged. */
    void await() {
        long stepNanos = staging.scarceBlockNanos() / StagingBlock.PAGES;
        if (stepNanos == 0) {
            return;
        }
        long now = clock.monotonicTime();
        long slot = claim(now, stepNanos);
        long waitNanos = Math.min(slot - now, MOST_NANOS);
        if (waitNanos >= LEAST_NANOS) {
            LockSupport.parkNanos(waitNanos);
        }
    }

    private long claim(long now, long stepNanos) {
        for (; ; ) {
            long last = next.get();
            long slot = Math.max(last, now);
            if (next.compareAndSet(last, slot + stepNanos)) {
                return slot;
            }
        }
    }
}
