package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Scheduling;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;

/**
 * Keeps this process to a part of the processors, on average since it was made. Whoever makes work
 * for all the others waits here. Owned by one thread at a time.
 */
final class CpuLimit {
    private static final long STEP_NANOS = 2_000_000;

    private final double processors;
    private final Clock clock;
    private final long sinceNanos;
    private final long cpuSinceNanos;

    /** From now on; infinitely many {@code processors} are no limit. */
    CpuLimit(double processors, Clock clock) {
        this.processors = processors;
        this.clock = clock;
        this.sinceNanos = clock.monotonicTime();
        this.cpuSinceNanos = Scheduling.processCpuNanos();
    }

    /** Returns when no more than its part was used. */
    void await(Failure failure) throws IOException {
        while (isExceeded()) {
            failure.check();
            LockSupport.parkNanos(STEP_NANOS);
        }
    }

    private boolean isExceeded() {
        return !Double.isInfinite(processors)
                && Scheduling.processCpuNanos() - cpuSinceNanos
                        > processors * (clock.monotonicTime() - sinceNanos);
    }
}
