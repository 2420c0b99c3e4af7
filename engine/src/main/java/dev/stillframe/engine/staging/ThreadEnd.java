package dev.stillframe.engine.staging;

import io.micrometer.core.instrument.Clock;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The end of a thread, which others must wait for even when they are interrupted. Thread-safe. */
public final class ThreadEnd {
    private final CountDownLatch latch = new CountDownLatch(1);
    private final Clock clock;

    /** {@code clock} tells how long an interrupted wait goes on. */
    public ThreadEnd(Clock clock) {
        this.clock = clock;
    }

    /** The thread is at its end. */
    public void reached() {
        latch.countDown();
    }

    /** Waits for it, at most {@code nanos}; an interrupt is kept for later. */
    public boolean await(long nanos) {
        long until = clock.monotonicTime() + nanos;
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return latch.await(until - clock.monotonicTime(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
