package dev.stillframe.transport.encoding;

import dev.stillframe.transport.wire.Contents;

/** How the contents of a batch are written; PROTOCOL.md, section Encodings. */
public enum Encoding {
    /** As they are in memory. */
    RAW(Contents.RAW),

    /** Page by page in the shortest {@link PageForm}. */
    PACKED(1),

    /** {@link #PACKED}, then LZ4. */
    LZ4(2),

    /** {@link #PACKED}, then zstd. */
    ZSTD(3),

    /** As they are in memory, and put into the dictionary. */
    KEPT(Contents.KEPT);

    private final int code;

    Encoding(int code) {
        this.code = code;
    }

    /** As in the batch. */
    public int code() {
        return code;
    }
}
