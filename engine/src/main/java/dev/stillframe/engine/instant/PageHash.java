package dev.stillframe.engine.instant;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import net.openhft.hashing.LongTupleHashFunction;

/**
 * The hash of a page: XXH3 with 128 bits (seed 0), stored as two little-endian 64-bit words, low
 * word first. It finds damage, not forgery; authenticity is the connection's business. Owned by one
 * thread.
 */
public final class PageHash {
    /** Length of a hash in bytes. */
    public static final int BYTES = 16;

    private static final LongTupleHashFunction XXH3_128 = LongTupleHashFunction.xx128();
    private static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final long[] words = XXH3_128.newResultArray();
    private final boolean system;
    private final MemorySegment result = Arena.ofAuto().allocate(BYTES, Long.BYTES);
    private final SegmentAllocator results = (_, _) -> result;

    /** Uses the system's library where it is there, and the same function in Java otherwise. */
    public PageHash() {
        this(SystemXxHash.isAvailable());
    }

    PageHash(boolean system) {
        this.system = system;
    }

    /** Whether the system's library computes the hashes; the same function in Java is slower. */
    public static boolean isNative() {
        return SystemXxHash.isAvailable();
    }

    /** What computes the hashes, in words. */
    public static String provider() {
        return isNative() ? "by the system's xxHash library" : "in Java";
    }

    /**
     * Hashes {@code length} bytes of native memory. Allocates nothing.
     *
     * @param memory native memory
     * @param offset where the page begins in {@code memory}
     * @param length bytes of the page
     * @param into receives {@link #BYTES} bytes at {@code intoOffset}
     */
    public void hash(
            MemorySegment memory, long offset, long length, MemorySegment into, long intoOffset) {
        if (!memory.isNative() || offset < 0 || length > memory.byteSize() - offset) {
            throw new IndexOutOfBoundsException("page at " + offset + " of " + memory);
        }
        if (system) {
            SystemXxHash.hash(memory.asSlice(offset, length), results);
            MemorySegment.copy(result, 0, into, intoOffset, BYTES);
            return;
        }
        XXH3_128.hashMemory(memory.address() + offset, length, words);
        into.set(WORD, intoOffset, words[0]);
        into.set(WORD, intoOffset + Long.BYTES, words[1]);
    }
}
