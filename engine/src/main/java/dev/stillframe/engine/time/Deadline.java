package dev.stillframe.engine.time;

import io.micrometer.core.instrument.Clock;
import java.time.Duration;

/** A moment of a clock by which something must have happened. Immutable. */
public final class Deadline {
    private static final Duration FAR = Duration.ofDays(365);

    private final Clock clock;
    private final long atNanos;

    private Deadline(Clock clock, long atNanos) {
        this.clock = clock;
        this.atNanos = atNanos;
    }

    /** {@code wait} from now, a year at most. */
    public static Deadline in(Clock clock, Duration wait) {
        long nanos = (wait.compareTo(FAR) > 0 ? FAR : wait).toNanos();
        return new Deadline(clock, clock.monotonicTime() + nanos);
    }

    /** Whether the moment has come. */
    public boolean hasPassed() {
        return leftNanos() <= 0;
    }

    /** How much time is left until the moment; 0 or less when it has passed. */
    public long leftNanos() {
        return atNanos - clock.monotonicTime();
    }
}
