package dev.stillframe.engine.process;

import java.time.Duration;

/** A moment by which something must have happened. Immutable. */
public final class Deadline {
    private static final Duration FAR = Duration.ofDays(365);

    private final long atNanos;

    private Deadline(long atNanos) {
        this.atNanos = atNanos;
    }

    /** {@code wait} from now, a year at most. */
    public static Deadline in(Duration wait) {
        return new Deadline(System.nanoTime() + (wait.compareTo(FAR) > 0 ? FAR : wait).toNanos());
    }

    /** Whether the moment has passed. */
    public boolean hasPassed() {
        return System.nanoTime() - atNanos > 0;
    }
}
