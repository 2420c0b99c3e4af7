package dev.stillframe.engine.staging;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Tells pages without content from others. Stateless. */
public final class ZeroPage {
    private static final MemorySegment ZERO_PAGE =
            Arena.ofAuto().allocate(StagingBlock.PAGE_BYTES, StagingBlock.PAGE_BYTES).asReadOnly();

    private ZeroPage() {}

    /** Whether the page at {@code offset} of {@code memory} holds only zeros. */
    public static boolean is(MemorySegment memory, long offset) {
        return MemorySegment.mismatch(
                        memory,
                        offset,
                        offset + StagingBlock.PAGE_BYTES,
                        ZERO_PAGE,
                        0,
                        StagingBlock.PAGE_BYTES)
                < 0;
    }
}
