package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.PageHash;

/** The bounds of the protocol. A peer that exceeds one is refused with its name. */
public final class Limits {
    /** The protocol version that this side speaks. */
    public static final int VERSION = 4;

    /** Length of the secret that a session is known by. */
    public static final int TOKEN_BYTES = 16;

    /** Length of what is used once, in the proofs of a shared key. */
    public static final int NONCE_BYTES = 32;

    /** Most lanes of a session, the urgent one apart. */
    public static final int MAX_LANES = 64;

    /** The number of the urgent lane. */
    public static final int URGENT_LANE = 0xffff;

    /** Longest name of an image, in bytes. */
    public static final int MAX_NAME_BYTES = 128;

    /** Longest text (reason of an error, place of an image), in bytes of UTF-8. */
    public static final int MAX_TEXT_BYTES = 1024;

    /** Bytes of a part of a document; only the last part is shorter. */
    public static final int PART_BYTES = 256 << 10;

    /** Longest document: the JSON of a layout or of the list of what is missing. */
    public static final long MAX_DOCUMENT_BYTES = 64L << 20;

    /** Smallest page. */
    public static final int MIN_PAGE_BYTES = 4096;

    /** Largest page. */
    public static final int MAX_PAGE_BYTES = 65536;

    /** Most bytes of page contents in a batch: one huge page. */
    public static final int MAX_DATA_BYTES = 2 << 20;

    /** Most pages with contents in a batch. */
    public static final int MAX_DATA_PAGES = MAX_DATA_BYTES / MIN_PAGE_BYTES;

    /** Most pages with hashes in a batch: those with contents, and those in the parent. */
    public static final int MAX_HASHES = MAX_DATA_PAGES;

    /** Most runs in a batch. */
    public static final int MAX_RUNS = 1024;

    /** Most pages of an image. */
    public static final long MAX_PAGES = 1L << 36;

    /** Smallest dictionary of a lane, in bytes. */
    public static final int MIN_DICTIONARY_BYTES = 1 << 20;

    /** Largest dictionary of a lane, in bytes. */
    public static final int MAX_DICTIONARY_BYTES = 64 << 20;

    /** Most batches that a receiver may let a sender have on the way at once. */
    public static final int MAX_CREDITS = 256;

    /** Most fetches that a reader may have without an answer on one connection. */
    public static final int MAX_FETCHES = 64;

    /** A batch's number is at most this above the last one before which none is lacking. */
    public static final int MAX_AHEAD = 4096;

    /** Shortest idle time that a peer may ask for, in milliseconds. */
    public static final int MIN_IDLE_MILLIS = 300;

    /** Longest idle time that a peer may ask for, in milliseconds. */
    public static final int MAX_IDLE_MILLIS = 600_000;

    /** Longest body of a batch: contents are encoded only where that makes them shorter. */
    static final int MAX_BATCH_BODY_BYTES =
            BatchFormat.FIXED_BYTES
                    + MAX_RUNS * BatchFormat.RUN_BYTES
                    + MAX_HASHES * PageHash.BYTES
                    + MAX_DATA_BYTES;

    private Limits() {}
}
