package dev.stillframe.transport.wire;

import dev.stillframe.engine.page.PageBatch;

/**
 * Everything that crosses the wire; byte layouts in {@code transport/PROTOCOL.md}. Do not modify
 * the arrays.
 */
@SuppressWarnings("ArrayRecordComponent") // compared with Arrays.equals where it matters
public sealed interface Message {
    /** What the first frame of a connection can be. */
    sealed interface Opening extends Message {
        /** Used once, {@link Limits#NONCE_BYTES}; makes every proof of a shared key another one. */
        byte[] nonce();
    }

    /**
     * Sender: opens the control connection of a session, the first time or again. Names and numbers
     * are as they came; the receiver judges them.
     *
     * @param minVersion the oldest protocol version that the sender speaks
     * @param maxVersion the newest
     * @param lanes how many data lanes it would like
     * @param idleMillis how long the sender waits for any frame before it gives the connection up
     * @param retainBytes most page contents that it keeps until they are durable
     * @param durable the last batch that it knows to be durable; it cannot send that or earlier
     *     ones again
     * @param attempt counts the connections of the session's control, from 1
     * @param rootHash of the image if END was sent before; zeros otherwise
     * @param parent root hash of the image that has pages which are not sent; zeros for none
     * @param imageName what the image shall be called
     */
    record Hello(
            int minVersion,
            int maxVersion,
            int lanes,
            int idleMillis,
            long retainBytes,
            long durable,
            int attempt,
            byte[] token,
            byte[] nonce,
            byte[] rootHash,
            byte[] parent,
            String imageName)
            implements Opening {}

    /**
     * Sender: opens a lane of a session whose control connection stands.
     *
     * @param version the version that the receiver chose
     * @param lane 1 to the number of lanes, or {@link Limits#URGENT_LANE}
     * @param attempt that of the control connection
     */
    record Attach(int version, int lane, int attempt, int idleMillis, byte[] token, byte[] nonce)
            implements Opening {}

    /**
     * Reader: opens a connection on which pages of a published image can be fetched.
     *
     * @param version the protocol version that the reader speaks
     * @param described whether it wants LAYOUT and MISSING
     * @param idleMillis how long the reader waits for any frame before it gives the connection up
     * @param imageName the image
     */
    record Read(int version, boolean described, int idleMillis, byte[] nonce, String imageName)
            implements Opening {}

    /**
     * Receiver: the image is there. LAYOUT and MISSING follow if they were wanted.
     *
     * @param idleMillis how long the receiver waits before it gives a silent connection up
     * @param pageSizeBytes of the image
     * @param pageCount of the image
     * @param rootHash of the image; another one under the same name is another image
     */
    record Found(int idleMillis, int pageSizeBytes, long pageCount, byte[] rootHash)
            implements Message {}

    /**
     * Reader: send these pages, in one batch with this sequence number.
     *
     * @param sequence the reader's, 1 or more
     * @param firstOrdinal the first page
     * @param pages how many, with at most {@link Limits#MAX_DATA_BYTES}
     */
    record Fetch(long sequence, long firstOrdinal, int pages) implements Message {}

    /** Receiver: prove that you have the shared key. */
    record Challenge(byte[] nonce) implements Message {}

    /** Sender: the proof. */
    record Proof(byte[] mac) implements Message {}

    /** Receiver: the proof is right, and this is its own. */
    record Proved(byte[] mac) implements Message {}

    /**
     * Receiver: the image can begin, or go on.
     *
     * @param version the protocol version of all that follows
     * @param lanes how many lanes there shall be, 1 to what was asked for
     * @param dictionaryBytes of every lane, {@link Limits#MIN_DICTIONARY_BYTES} to {@link
     *     Limits#MAX_DICTIONARY_BYTES}; 0 if contents may not be encoded
     * @param credits batches that may be sent at once; more come with {@link Credit}
     * @param maxDataBytes most bytes of page contents in a batch
     * @param maxRuns most runs in a batch
     * @param idleMillis how long the receiver waits before it gives a silent connection up
     * @param maxLayoutBytes longest layout that the receiver takes
     * @param durable batches up to this one are there already; the sender goes on behind it
     */
    record HelloAck(
            int version,
            int lanes,
            int dictionaryBytes,
            int credits,
            int maxDataBytes,
            int maxRuns,
            int idleMillis,
            long maxLayoutBytes,
            long durable)
            implements Message {}

    /** Receiver: the lane is part of the session. */
    record Attached() implements Message {}

    /**
     * A piece of a document.
     *
     * @param totalBytes length of the whole document, at least 1
     * @param offset where the piece begins, a multiple of {@link Limits#PART_BYTES}
     * @param bytes {@link Limits#PART_BYTES}, or what is left at the end
     */
    record Part(long totalBytes, long offset, byte[] bytes) {
        /** Whether the document ends with it. */
        public boolean isLast() {
            return offset + bytes.length == totalBytes;
        }
    }

    /** Sender: a piece of the layout's JSON. */
    record LayoutPart(Part part) implements Message {}

    /** Receiver: the layout is accepted; batches may come. */
    record Begun() implements Message {}

    /**
     * Sender, on a lane: pages. Whoever holds the message owns {@code pages}.
     *
     * @param sequence counts the session's batches from 1
     */
    record Batch(long sequence, PageBatch pages) implements Message {}

    /** Receiver: so many batches in all may be sent in this attempt. */
    record Credit(long total) implements Message {}

    /**
     * Receiver: all batches up to {@code sequence} survive its death; the sender may forget them.
     */
    record Durable(long sequence) implements Message {}

    /** Sender: a piece of the JSON of what is missing. */
    record MissingPart(Part part) implements Message {}

    /**
     * Sender: that was all.
     *
     * @param batches how many batches the image has
     * @param pages how many pages they hold
     * @param rootHash see {@link dev.stillframe.engine.instant.RootHash}
     */
    record End(long batches, long pages, byte[] rootHash) implements Message {}

    /**
     * Receiver: the image is complete, verified and durable under its name.
     *
     * @param rootHash that of the image
     * @param place where it is, in words of the receiver
     */
    record Published(byte[] rootHash, String place) implements Message {}

    /**
     * Receiver (ERROR on the wire): the attempt is over; the receiver closes the connection.
     * Whether the session can go on is said by {@link ErrorCode#isPassing}.
     */
    record Refusal(ErrorCode code, String text) implements Message {}

    /** Sender: it gives the session up; the sender closes the connection. */
    record Abort(String reason) implements Message {}

    /** Either side, when it has had nothing to say for a third of the other's idle time. */
    record KeepAlive() implements Message {}

    /** Sender: to be answered at once. */
    record Ping(long stamp) implements Message {}

    /** Receiver: the same stamp back. */
    record Pong(long stamp) implements Message {}
}
