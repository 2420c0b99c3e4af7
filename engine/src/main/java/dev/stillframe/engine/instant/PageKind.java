package dev.stillframe.engine.instant;

/**
 * What an image knows of a page, or a batch says of it. The codes are frozen: they are on the wire
 * and in the index.
 */
public enum PageKind {
    /** Not yet heard of; an image with such a page is not complete. */
    UNKNOWN(0),
    /** All bytes are zero; nothing is stored. */
    ZERO(1),
    /** Stored, with its hash. */
    DATA(2),
    /** Lost before it was copied; its range is in the list of what is missing. */
    LOST(3),
    /** Data with its hash, which the image's parent has at the same address. */
    IN_PARENT(4);

    private final int code;

    PageKind(int code) {
        this.code = code;
    }

    /** Whether a hash belongs to it. */
    public boolean hasHash() {
        return this == DATA || this == IN_PARENT;
    }

    /** What the page is, wherever it is stored. */
    public PageKind content() {
        return this == IN_PARENT ? DATA : this;
    }

    /** The number on the wire and in the index. */
    public int code() {
        return code;
    }

    /**
     * The kind of a code.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static PageKind of(int code) {
        return switch (code) {
            case 0 -> UNKNOWN;
            case 1 -> ZERO;
            case 2 -> DATA;
            case 3 -> LOST;
            case 4 -> IN_PARENT;
            default -> throw new IllegalArgumentException("page kind " + code);
        };
    }
}
