package dev.stillframe.transport.wire;

/** Sizes and places inside the body of a BATCH. */
final class BatchFormat {
    /** Sequence u64, data pages u32, page size u32, run count u16, six zeros. */
    static final int FIXED_BYTES = 24;

    /** Kind u8, encoding u8, six zeros, first ordinal u64, page count u64. */
    static final int RUN_BYTES = 24;

    /** Zeros at the end of the fixed part. */
    static final int FIXED_RESERVED_BYTES = 6;

    /** Zeros in a run, behind kind and encoding. */
    static final int RUN_RESERVED_BYTES = 6;

    /** Page contents as they are in memory; the only encoding of version 1. */
    static final byte ENCODING_RAW = 0;

    private BatchFormat() {}
}
