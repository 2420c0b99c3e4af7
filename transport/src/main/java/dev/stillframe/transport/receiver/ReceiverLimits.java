package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Limits;

import org.jspecify.annotations.Nullable;

import java.time.Duration;

/**
 * What a receiver spends on its peers. Immutable.
 *
 * @param maxConnections most connections, those that have not said HELLO included
 * @param maxSessions most sessions, each with a thread and a window
 * @param windowBatches most batches of a session in memory, 1 to {@link Limits#MAX_WINDOW_BATCHES}
 * @param maxLayoutBytes longest layout; all sessions together may have twice that
 * @param deadlines when a peer is given up
 */
public record ReceiverLimits(
        int maxConnections,
        int maxSessions,
        int windowBatches,
        long maxLayoutBytes,
        Deadlines deadlines) {
    /** What is right for a receiver that others may use, too. */
    public static final ReceiverLimits DEFAULT =
            new ReceiverLimits(64, 16, 8, Limits.MAX_DOCUMENT_BYTES, Deadlines.DEFAULT);

    /**
     * When a peer is given up.
     *
     * @param handshake until HELLO is there
     * @param idle without a whole frame, {@link Limits#MIN_IDLE_MILLIS} to {@link
     *     Limits#MAX_IDLE_MILLIS}
     * @param total of a session
     */
    public record Deadlines(Duration handshake, Duration idle, Duration total) {
        /** Ten seconds, thirty seconds, a day. */
        public static final Deadlines DEFAULT =
                new Deadlines(Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofDays(1));

        /** Checks the ranges. */
        public Deadlines {
            if (!handshake.isPositive()
                    || !total.isPositive()
                    || idle.toMillis() < Limits.MIN_IDLE_MILLIS
                    || idle.toMillis() > Limits.MAX_IDLE_MILLIS) {
                throw new IllegalArgumentException(
                        "deadlines: handshake %s, idle %s, total %s"
                                .formatted(handshake, idle, total));
            }
        }

        /** Why a peer is to be given up, in words; null while it is in time. */
        @Nullable String overdue(
                boolean awaitingHello, long sinceStartNanos, long sinceFrameNanos) {
            if (awaitingHello && sinceStartNanos > handshake.toNanos()) {
                return "no HELLO within " + seconds(handshake);
            }
            if (sinceStartNanos > total.toNanos()) {
                return "not at its end within " + seconds(total);
            }
            return sinceFrameNanos > idle.toNanos() ? "no whole frame for " + seconds(idle) : null;
        }

        private static String seconds(Duration duration) {
            return duration.toMillis() / 1e3 + " s";
        }
    }

    /** Checks the ranges. */
    public ReceiverLimits {
        if (maxConnections < 1 || maxSessions < 1) {
            throw new IllegalArgumentException(
                    maxConnections + " connections, " + maxSessions + " sessions; at least 1 each");
        }
        if (windowBatches < 1 || windowBatches > Limits.MAX_WINDOW_BATCHES) {
            throw new IllegalArgumentException("a window of " + windowBatches + " batches");
        }
        if (maxLayoutBytes < 1 || maxLayoutBytes > Limits.MAX_DOCUMENT_BYTES) {
            throw new IllegalArgumentException("layouts of " + maxLayoutBytes + " bytes");
        }
    }

    /** Most native memory for batches, all sessions together. */
    public long maxBatchMemoryBytes() {
        return maxSessions * (windowBatches * BatchBuffer.MEMORY_BYTES);
    }

    /** Most bytes of documents, all sessions together. */
    public long maxDocumentMemoryBytes() {
        return 2 * maxLayoutBytes;
    }
}
