package dev.stillframe.transport.client;

import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * How long to wait before the next attempt: longer each time, up to some seconds, and never quite
 * as long as others who lost the same receiver. Owned by one thread.
 */
public final class Backoff {
    private static final long FIRST_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
    private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final RandomGenerator random;
    private long nextNanos = FIRST_NANOS;

    public Backoff(RandomGenerator random) {
        this.random = random;
    }

    /** The next wait, from half of its length to all of it. */
    public long nextNanos() {
        long whole = nextNanos;
        nextNanos = Math.min(LONGEST_NANOS, 2 * whole);
        return whole / 2 + random.nextLong(whole / 2 + 1);
    }

    /** There was progress. */
    public void reset() {
        nextNanos = FIRST_NANOS;
    }
}
