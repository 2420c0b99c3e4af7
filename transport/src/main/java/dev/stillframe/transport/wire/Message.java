package dev.stillframe.transport.wire;

import dev.stillframe.engine.page.PageBatch;

/**
 * Everything that crosses the wire; byte layouts in {@code transport/PROTOCOL.md}. Do not modify
 * the arrays.
 */
public sealed interface Message {
    /**
     * Sender: opens the session; first and once. Names and numbers are as they came; the receiver
     * judges them.
     *
     * @param minVersion the oldest protocol version that the sender speaks
     * @param maxVersion the newest
     * @param streamIndex which of the session's streams this connection is
     * @param streamCount how many streams the session has
     * @param idleMillis how long the sender waits for any frame before it gives the receiver up
     * @param imageName what the image shall be called
     */
    record Hello(
            int minVersion,
            int maxVersion,
            int streamIndex,
            int streamCount,
            int idleMillis,
            String imageName)
            implements Message {}

    /**
     * Receiver: the image can begin.
     *
     * @param version the protocol version of all that follows
     * @param windowBatches most batches that may be on the way, not acknowledged
     * @param maxDataBytes most bytes of page contents in a batch
     * @param maxRuns most runs in a batch
     * @param idleMillis how long the receiver waits for a whole frame before it gives the sender up
     * @param maxLayoutBytes longest layout that the receiver takes
     */
    record HelloAck(
            int version,
            int windowBatches,
            int maxDataBytes,
            int maxRuns,
            int idleMillis,
            long maxLayoutBytes)
            implements Message {}

    /**
     * A piece of a document.
     *
     * @param totalBytes length of the whole document, at least 1
     * @param offset where the piece begins, a multiple of {@link Limits#PART_BYTES}
     * @param bytes {@link Limits#PART_BYTES}, or what is left at the end
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Part(long totalBytes, long offset, byte[] bytes) {
        /** Whether the document ends with it. */
        public boolean isLast() {
            return offset + bytes.length == totalBytes;
        }
    }

    /** Sender: a piece of the layout's JSON. */
    record LayoutPart(Part part) implements Message {}

    /**
     * Sender: pages. Whoever holds the message owns {@code pages}.
     *
     * @param sequence counts from 1 without gaps
     */
    record Batch(long sequence, PageBatch pages) implements Message {}

    /**
     * Receiver: it has taken all batches up to {@code sequence} and has their memory back; 0 says
     * that the layout is accepted.
     */
    record BatchAck(long sequence) implements Message {}

    /** Sender: a piece of the JSON of what is missing. */
    record MissingPart(Part part) implements Message {}

    /**
     * Sender: that was all.
     *
     * @param batches how many batches there were
     * @param pages how many pages they held
     * @param rootHash see {@link dev.stillframe.engine.page.RootHash}
     */
    @SuppressWarnings("ArrayRecordComponent") // compared with Arrays.equals where it matters
    record End(long batches, long pages, byte[] rootHash) implements Message {}

    /**
     * Receiver: the image is complete, verified and durable under its name.
     *
     * @param rootHash that of the image
     * @param place where it is, in words of the receiver
     */
    @SuppressWarnings("ArrayRecordComponent") // compared with Arrays.equals where it matters
    record Published(byte[] rootHash, String place) implements Message {}

    /**
     * Receiver (ERROR on the wire): the session is over, nothing is published; the receiver closes
     * the connection.
     */
    record Refusal(ErrorCode code, String text) implements Message {}

    /** Sender: it gives up; the sender closes the connection. */
    record Abort(String reason) implements Message {}

    /** Either side, when it has had nothing to say for a third of the other's idle time. */
    record KeepAlive() implements Message {}
}
