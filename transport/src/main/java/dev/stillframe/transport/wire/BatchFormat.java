package dev.stillframe.transport.wire;

/** Sizes and places inside the body of a BATCH. */
final class BatchFormat {
    /**
     * Sequence u64, data pages u32, page size u32, run count u16, encoding u8, a zero, length of
     * the contents u32, pages in the parent u32.
     */
    static final int FIXED_BYTES = 28;

    /** Kind u8, seven zeros, first ordinal u64, page count u64. */
    static final int RUN_BYTES = 24;

    /** Zeros in a run, behind the kind. */
    static final int RUN_RESERVED_BYTES = 7;

    private BatchFormat() {}
}
