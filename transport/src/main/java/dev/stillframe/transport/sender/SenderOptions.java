package dev.stillframe.transport.sender;

import dev.stillframe.transport.wire.Limits;

import java.time.Duration;

/**
 * How long a sender waits. Immutable.
 *
 * @param connectTimeout until the connection stands, and again until the receiver has said that the
 *     image can begin
 * @param stallTimeout while the receiver takes nothing more
 * @param finishTimeout from the end of the pages until the image is published: verified and on the
 *     disk
 * @param idleTimeout without any frame from the receiver, {@link Limits#MIN_IDLE_MILLIS} to {@link
 *     Limits#MAX_IDLE_MILLIS}
 */
public record SenderOptions(
        Duration connectTimeout,
        Duration stallTimeout,
        Duration finishTimeout,
        Duration idleTimeout) {
    /** Ten seconds, thirty seconds, ten minutes, thirty seconds. */
    public static final SenderOptions DEFAULT =
            new SenderOptions(
                    Duration.ofSeconds(10),
                    Duration.ofSeconds(30),
                    Duration.ofMinutes(10),
                    Duration.ofSeconds(30));

    /** Checks the ranges. */
    public SenderOptions {
        if (!connectTimeout.isPositive()
                || connectTimeout.toMillis() > Integer.MAX_VALUE
                || !stallTimeout.isPositive()
                || !finishTimeout.isPositive()
                || idleTimeout.toMillis() < Limits.MIN_IDLE_MILLIS
                || idleTimeout.toMillis() > Limits.MAX_IDLE_MILLIS) {
            throw new IllegalArgumentException(
                    "timeouts: connect %s, stall %s, finish %s, idle %s"
                            .formatted(connectTimeout, stallTimeout, finishTimeout, idleTimeout));
        }
    }

    /** The same with another stall timeout. */
    public SenderOptions withStallTimeout(Duration timeout) {
        return new SenderOptions(connectTimeout, timeout, finishTimeout, idleTimeout);
    }
}
