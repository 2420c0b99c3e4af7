package dev.stillframe.transport.reader;

import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.wire.Limits;
import io.micrometer.core.instrument.Clock;
import java.time.Duration;

/**
 * How to read. Immutable.
 *
 * @param credentials who we are, and who the receiver must be
 * @param connect how long connecting may take, and the receiver's first word
 * @param idle how long the receiver may be silent, {@link Limits#MIN_IDLE_MILLIS} to {@link
 *     Limits#MAX_IDLE_MILLIS}
 * @param patience how long a broken connection is made again and again without success
 * @param room what an image may take here
 * @param clock measures the patience
 */
public record ReaderOptions(
        Credentials credentials,
        Duration connect,
        Duration idle,
        Duration patience,
        Room room,
        Clock clock) {
    /**
     * In the clear; ten seconds, thirty seconds, ten minutes, {@link Room#ofThisHost}, this host's
     * time.
     */
    public static final ReaderOptions DEFAULT =
            new ReaderOptions(
                    Credentials.NONE,
                    Duration.ofSeconds(10),
                    Duration.ofSeconds(30),
                    Duration.ofMinutes(10),
                    Room.ofThisHost(),
                    Clock.SYSTEM);

    /** Checks the ranges. */
    public ReaderOptions {
        if (!connect.isPositive()
                || patience.isNegative()
                || idle.toMillis() < Limits.MIN_IDLE_MILLIS
                || idle.toMillis() > Limits.MAX_IDLE_MILLIS) {
            throw new IllegalArgumentException(
                    "connect %s, idle %s, patience %s".formatted(connect, idle, patience));
        }
    }

    /** The same with other credentials. */
    public ReaderOptions withCredentials(Credentials other) {
        return new ReaderOptions(other, connect, idle, patience, room, clock);
    }

    /** The same with another patience. */
    public ReaderOptions withPatience(Duration other) {
        return new ReaderOptions(credentials, connect, idle, other, room, clock);
    }

    /** The same with another room. */
    public ReaderOptions withRoom(Room other) {
        return new ReaderOptions(credentials, connect, idle, patience, other, clock);
    }

    /** The same by another clock. */
    public ReaderOptions withClock(Clock other) {
        return new ReaderOptions(credentials, connect, idle, patience, room, other);
    }
}
