package dev.stillframe.engine.staging;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The end of a thread, which others must wait for even when they are interrupted. Thread-safe. */
public final class ThreadEnd {
    private final CountDownLatch latch = new CountDownLatch(1);

    /** The thread is at its end. */
    public void reached() {
        latch.countDown();
    }

    /** Waits for it, at most {@code nanos}; an interrupt is kept for later. */
    public boolean await(long nanos) {
        long until = System.nanoTime() + nanos;
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return latch.await(until - System.nanoTime(), TimeUnit.NANOSECONDS);
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
