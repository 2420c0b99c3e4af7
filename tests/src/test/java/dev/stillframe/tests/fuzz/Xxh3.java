package dev.stillframe.tests.fuzz;

import dev.stillframe.engine.instant.PageHash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The hash of pages and headers, of bytes on the heap. */
final class Xxh3 {
    private static final int BYTES_MAX = 1 << 16;
    private static final MemorySegment MEMORY = Arena.ofAuto().allocate(BYTES_MAX, 4096);
    private static final MemorySegment HASH = Arena.ofAuto().allocate(PageHash.BYTES, 16);
    private static final PageHash HASHER = new PageHash();

    private Xxh3() {}

    /** Of {@code length} bytes from {@code offset}, at most 64 KiB; on the fuzzing thread only. */
    static byte[] of(byte[] bytes, int offset, int length) {
        MemorySegment.copy(bytes, offset, MEMORY, ValueLayout.JAVA_BYTE, 0, length);
        HASHER.hash(MEMORY, 0, length, HASH, 0);
        return HASH.toArray(ValueLayout.JAVA_BYTE);
    }
}
