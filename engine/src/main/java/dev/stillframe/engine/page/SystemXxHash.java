package dev.stillframe.engine.page;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteOrder;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * XXH3 of the system's xxHash library, which uses the processor's vectors: three times as fast as scalar code. Nearly
 * every Linux has it ({@code libxxhash0} of Debian; its package manager needs it). {@code XXH3_128bits} is in
 * {@code xxhash.h} since version 0.8.0, with its result frozen.
 */
final class SystemXxHash {
    private static final Logger LOG = LoggerFactory.getLogger(SystemXxHash.class);
    private static final String LIBRARY = "libxxhash.so.0";
    private static final String FUNCTION = "XXH3_128bits";

    /** {@code XXH128_hash_t}: the low and the high word. */
    private static final StructLayout RESULT =
            MemoryLayout.structLayout(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);

    private static final AddressLayout POINTER = ValueLayout.ADDRESS;
    private static final @Nullable MethodHandle HASH = bind();

    private SystemXxHash() {}

    /** Whether the library is there. */
    static boolean isAvailable() {
        return HASH != null;
    }

    /**
     * Hashes native memory.
     *
     * @param result gives room for two words; they are the result
     */
    static void hash(MemorySegment memory, SegmentAllocator result) {
        try {
            MemorySegment words =
                    (MemorySegment) bound().invokeExact(result, memory, memory.byteSize());
            if (words.byteSize() != RESULT.byteSize()) {
                throw new IllegalStateException("a hash of " + words);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a call of " + FUNCTION + " cannot throw this", e);
        }
    }

    private static MethodHandle bound() {
        if (HASH == null) {
            throw new IllegalStateException(LIBRARY + " is not there");
        }
        return HASH;
    }

    @SuppressWarnings("restricted") // the launcher and the README give the access
    private static @Nullable MethodHandle bind() {
        if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
            return null;
        }
        try {
            MemorySegment function =
                    SymbolLookup.libraryLookup(LIBRARY, Arena.global()).findOrThrow(FUNCTION);
            return Linker.nativeLinker()
                    .downcallHandle(
                            function,
                            FunctionDescriptor.of(RESULT, POINTER, ValueLayout.JAVA_LONG),
                            Linker.Option.critical(false));
        } catch (IllegalArgumentException | NoSuchElementException e) {
            LOG.debug("hashing without {}", LIBRARY, e);
            return null;
        }
    }
}
