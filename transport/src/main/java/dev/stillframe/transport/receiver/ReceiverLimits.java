package dev.stillframe.transport.receiver;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Limits;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a receiver spends on its peers. Immutable.
 *
 * @param maxConnections most connections
 * @param maxStrangers most connections of peers that have not yet said who they are
 * @param maxSessions most sessions, each with a thread
 * @param maxLanes most lanes of a session, 1 to {@link Limits#MAX_LANES}
 * @param maxCredits most batches of a session in memory, {@link #MIN_CREDITS} to {@link
 *     Limits#MAX_CREDITS}
 * @param sharedBatches batches in memory besides the {@link #MIN_CREDITS} of each session, shared
 *     among all
 * @param maxEncodingMemoryBytes most native memory for decoding, all sessions together; a session
 *     for which there is none gets its pages as they are
 * @param maxLayoutBytes longest layout
 * @param maxDocumentHeapBytes most heap for documents, all sessions and images that are read
 *     together: their bytes, and what can be made of them by {@link
 *     dev.stillframe.engine.document.DocumentWeight}
 * @param deadlines when a peer is given up
 */
public record ReceiverLimits(
        int maxConnections,
        int maxStrangers,
        int maxSessions,
        int maxLanes,
        int maxCredits,
        int sharedBatches,
        long maxEncodingMemoryBytes,
        long maxLayoutBytes,
        long maxDocumentHeapBytes,
        Deadlines deadlines) {
    /** Batches that every session may have on the way, however many sessions there are. */
    public static final int MIN_CREDITS = 2;

    /**
     * What is right for a receiver that others may use, too; documents may take half of this
     * program's heap.
     */
    public static final ReceiverLimits DEFAULT =
            new ReceiverLimits(
                    512,
                    64,
                    16,
                    16,
                    32,
                    96,
                    512L << 20,
                    Limits.MAX_DOCUMENT_BYTES,
                    HeapAllowance.mostBytes(),
                    Deadlines.DEFAULT);

    /**
     * When a peer is given up.
     *
     * @param handshake until it has said who it is, and proved it
     * @param idle without progress: a whole frame, or {@link #PROGRESS_BYTES} of one; also while
     *     what the receiver says is not taken; {@link Limits#MIN_IDLE_MILLIS} to {@link
     *     Limits#MAX_IDLE_MILLIS}
     * @param total of one attempt at a session
     */
    public record Deadlines(Duration handshake, Duration idle, Duration total) {
        /** So much of a frame within the idle time counts as progress. */
        public static final int PROGRESS_BYTES = 64 << 10;

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
                boolean stranger,
                long sinceStartNanos,
                long sinceProgressNanos,
                long untakenNanos) {
            if (stranger) {
                return sinceStartNanos > handshake.toNanos()
                        ? "no HELLO, ATTACH or READ within " + seconds(handshake)
                        : null;
            }
            if (sinceStartNanos > total.toNanos()) {
                return "not at its end within " + seconds(total);
            }
            if (untakenNanos > idle.toNanos()) {
                return "nothing was taken for " + seconds(idle);
            }
            return sinceProgressNanos > idle.toNanos() ? "nothing came for " + seconds(idle) : null;
        }

        private static String seconds(Duration duration) {
            return duration.toMillis() / 1e3 + " s";
        }
    }

    /** Checks the ranges. */
    public ReceiverLimits {
        if (maxConnections < 1 || maxStrangers < 1 || maxSessions < 1) {
            throw new IllegalArgumentException(
                    "%d connections, %d strangers, %d sessions; at least 1 each"
                            .formatted(maxConnections, maxStrangers, maxSessions));
        }
        if (maxLanes < 1 || maxLanes > Limits.MAX_LANES) {
            throw new IllegalArgumentException(maxLanes + " lanes");
        }
        if (maxCredits < MIN_CREDITS || maxCredits > Limits.MAX_CREDITS || sharedBatches < 0) {
            throw new IllegalArgumentException(
                    "credits for %d batches, %d shared".formatted(maxCredits, sharedBatches));
        }
        if (maxEncodingMemoryBytes < 0) {
            throw new IllegalArgumentException(maxEncodingMemoryBytes + " bytes for decoding");
        }
        if (maxLayoutBytes < 1 || maxLayoutBytes > Limits.MAX_DOCUMENT_BYTES) {
            throw new IllegalArgumentException("layouts of " + maxLayoutBytes + " bytes");
        }
        if (maxDocumentHeapBytes < 1) {
            throw new IllegalArgumentException(
                    maxDocumentHeapBytes + " bytes of heap for documents");
        }
    }

    /** The same with other deadlines. */
    public ReceiverLimits withDeadlines(Deadlines other) {
        return new ReceiverLimits(
                maxConnections,
                maxStrangers,
                maxSessions,
                maxLanes,
                maxCredits,
                sharedBatches,
                maxEncodingMemoryBytes,
                maxLayoutBytes,
                maxDocumentHeapBytes,
                other);
    }

    /** The same with other heap for documents. */
    public ReceiverLimits withDocumentHeapBytes(long other) {
        return new ReceiverLimits(
                maxConnections,
                maxStrangers,
                maxSessions,
                maxLanes,
                maxCredits,
                sharedBatches,
                maxEncodingMemoryBytes,
                maxLayoutBytes,
                other,
                deadlines);
    }

    /** Most native memory for batches, all sessions together. */
    public long maxBatchMemoryBytes() {
        return (sharedBatches + (long) maxSessions * MIN_CREDITS) * BatchBuffer.MEMORY_BYTES;
    }
}
