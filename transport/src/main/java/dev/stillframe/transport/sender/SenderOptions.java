package dev.stillframe.transport.sender;

import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.wire.Limits;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a sender sends. Immutable.
 *
 * @param lanes connections that carry pages, 1 to {@link Limits#MAX_LANES}; the receiver may allow
 *     fewer
 * @param retainBytes most page contents that are kept, and not released, until they are durable at
 *     the receiver; at least 4 MiB
 * @param preset what is spent on shorter batches
 * @param credentials how the receiver knows the sender, and the other way round
 * @param encodingBytes most native memory for encoding, all lanes together; if what the receiver
 *     offers takes more, pages go as they are
 * @param timeouts when a connection counts as lost
 * @param giveUpAfter the end of all attempts: so long after the last progress; zero for a single
 *     attempt, null for never
 */
public record SenderOptions(
        int lanes,
        long retainBytes,
        long encodingBytes,
        Preset preset,
        Credentials credentials,
        Timeouts timeouts,
        @Nullable Duration giveUpAfter) {
    /** Two batches of the largest size. */
    public static final long MIN_RETAIN_BYTES = 2L * Limits.MAX_DATA_BYTES;

    /**
     * Lanes by the processors, 256 MiB, 512 MiB, {@link Preset#ADAPTIVE}, {@link Timeouts#DEFAULT},
     * and no end of attempts.
     */
    public static final SenderOptions DEFAULT =
            new SenderOptions(
                    defaultLanes(),
                    256L << 20,
                    512L << 20,
                    Preset.ADAPTIVE,
                    Credentials.NONE,
                    Timeouts.DEFAULT,
                    null);

    /**
     * When a connection counts as lost.
     *
     * @param connect until the connection stands, and again until the receiver has said that the
     *     image can begin
     * @param stall while the receiver takes nothing more
     * @param idle without any frame from the receiver, {@link Limits#MIN_IDLE_MILLIS} to {@link
     *     Limits#MAX_IDLE_MILLIS}
     */
    public record Timeouts(Duration connect, Duration stall, Duration idle) {
        /** Ten seconds, thirty seconds, thirty seconds. */
        public static final Timeouts DEFAULT =
                new Timeouts(
                        Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(30));

        /** Checks the ranges. */
        public Timeouts {
            if (!connect.isPositive()
                    || connect.toMillis() > Integer.MAX_VALUE
                    || !stall.isPositive()
                    || idle.toMillis() < Limits.MIN_IDLE_MILLIS
                    || idle.toMillis() > Limits.MAX_IDLE_MILLIS) {
                throw new IllegalArgumentException(
                        "timeouts: connect %s, stall %s, idle %s".formatted(connect, stall, idle));
            }
        }
    }

    /** Checks the ranges. */
    public SenderOptions {
        if (lanes < 1 || lanes > Limits.MAX_LANES) {
            throw new IllegalArgumentException(
                    "%d lanes; 1 to %d are possible".formatted(lanes, Limits.MAX_LANES));
        }
        if (retainBytes < MIN_RETAIN_BYTES) {
            throw new IllegalArgumentException(
                    "%d bytes to retain; at least %d are needed"
                            .formatted(retainBytes, MIN_RETAIN_BYTES));
        }
        if (encodingBytes < 0) {
            throw new IllegalArgumentException(encodingBytes + " bytes for encoding");
        }
        if (giveUpAfter != null && giveUpAfter.isNegative()) {
            throw new IllegalArgumentException("give up after " + giveUpAfter);
        }
    }

    /** The same with another number of lanes. */
    public SenderOptions withLanes(int count) {
        return new SenderOptions(
                count, retainBytes, encodingBytes, preset, credentials, timeouts, giveUpAfter);
    }

    /** The same with other timeouts. */
    public SenderOptions withTimeouts(Timeouts others) {
        return new SenderOptions(
                lanes, retainBytes, encodingBytes, preset, credentials, others, giveUpAfter);
    }

    /** The same with an end of all attempts. */
    public SenderOptions withGiveUpAfter(@Nullable Duration duration) {
        return new SenderOptions(
                lanes, retainBytes, encodingBytes, preset, credentials, timeouts, duration);
    }

    /** The same with another bound of what is kept. */
    public SenderOptions withRetainBytes(long bytes) {
        return new SenderOptions(
                lanes, bytes, encodingBytes, preset, credentials, timeouts, giveUpAfter);
    }

    /** The same with another bound of the memory for encoding. */
    public SenderOptions withEncodingBytes(long bytes) {
        return new SenderOptions(
                lanes, retainBytes, bytes, preset, credentials, timeouts, giveUpAfter);
    }

    /** The same with another preset. */
    public SenderOptions withPreset(Preset other) {
        return new SenderOptions(
                lanes, retainBytes, encodingBytes, other, credentials, timeouts, giveUpAfter);
    }

    /** The same with other credentials. */
    public SenderOptions withCredentials(Credentials others) {
        return new SenderOptions(
                lanes, retainBytes, encodingBytes, preset, others, timeouts, giveUpAfter);
    }

    /** As many as there are processors, at most eight. */
    public static int defaultLanes() {
        return Math.min(8, Runtime.getRuntime().availableProcessors());
    }
}
