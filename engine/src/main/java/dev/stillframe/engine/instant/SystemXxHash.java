package dev.stillframe.engine.instant;

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
 * XXH3 of the system's xxHash library, which uses the processor's vectors: three times as fast as
 * scalar code. Nearly every Linux has it ({@code libxxhash0} of Debian; its package manager needs
 * it). {@code XXH3_128bits} has had its result frozen since version 0.8.0; before that it was
 * another function under the same name. So a library is asked for its version, and is used only if
 * it then agrees with Java about memory of every length at which the function takes another way.
 */
final class SystemXxHash {
    private static final Logger LOG = LoggerFactory.getLogger(SystemXxHash.class);
    private static final String LIBRARY = "libxxhash.so.0";
    private static final String FUNCTION = "XXH3_128bits";
    private static final String VERSION_FUNCTION = "XXH_versionNumber";

    /** 0.8.0, as {@code XXH_VERSION_NUMBER} of {@code xxhash.h} says it. */
    private static final int OLDEST_VERSION = 800;

    /** Each way of XXH3, its ends, pages, and what is no multiple of a stripe. */
    private static final int[] CHECKED_LENGTHS = {
        0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 4095, 4096, 65_536, 65_549
    };

    /** Makes bytes that do not repeat early. */
    private static final int PATTERN = 0x9e3779b1;

    /** {@code XXH128_hash_t}: the low and the high word. */
    private static final StructLayout RESULT =
            MemoryLayout.structLayout(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);

    private static final AddressLayout POINTER = ValueLayout.ADDRESS;
    private static final @Nullable MethodHandle HASH = bind(LIBRARY);

    private SystemXxHash() {}

    /** Whether the library is there, and right. */
    static boolean isAvailable() {
        return HASH != null;
    }

    /**
     * Hashes native memory.
     *
     * @param result gives room for two words; they are the result
     */
    static void hash(MemorySegment memory, SegmentAllocator result) {
        hash(bound(), memory, result);
    }

    private static void hash(MethodHandle function, MemorySegment memory, SegmentAllocator result) {
        try {
            MemorySegment words =
                    (MemorySegment) function.invokeExact(result, memory, memory.byteSize());
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

    /** The function of a library; null if there is no such library, or it is not to be trusted. */
    @SuppressWarnings("restricted") // the launcher and the README give the access
    static @Nullable MethodHandle bind(String library) {
        if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
            return null;
        }
        try {
            SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
            int version = version(symbols.findOrThrow(VERSION_FUNCTION));
            if (version < OLDEST_VERSION) {
                LOG.warn(
                        "hashing in Java, which is slower: {} has version number {}, and {} is what it should be from {} on",
                        library,
                        version,
                        FUNCTION,
                        OLDEST_VERSION);
                return null;
            }
            MethodHandle function =
                    Linker.nativeLinker()
                            .downcallHandle(
                                    symbols.findOrThrow(FUNCTION),
                                    FunctionDescriptor.of(RESULT, POINTER, ValueLayout.JAVA_LONG),
                                    Linker.Option.critical(false));
            if (agrees(function)) {
                return function;
            }
            LOG.warn(
                    "hashing in Java, which is slower: {} of {} (version number {}) is wrong",
                    FUNCTION,
                    library,
                    version);
            return null;
        } catch (IllegalArgumentException | NoSuchElementException e) {
            LOG.debug("hashing without {}", library, e);
            return null;
        }
    }

    @SuppressWarnings("restricted")
    private static int version(MemorySegment function) {
        MethodHandle number =
                Linker.nativeLinker()
                        .downcallHandle(function, FunctionDescriptor.of(ValueLayout.JAVA_INT));
        try {
            return (int) number.invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(
                    "a call of " + VERSION_FUNCTION + " cannot throw this", e);
        }
    }

    private static boolean agrees(MethodHandle function) {
        PageHash java = new PageHash(false);
        try (Arena arena = Arena.ofConfined()) {
            int longest = CHECKED_LENGTHS[CHECKED_LENGTHS.length - 1];
            MemorySegment memory = arena.allocate(longest);
            for (int i = 0; i < longest; i++) {
                memory.set(ValueLayout.JAVA_BYTE, i, (byte) (i * PATTERN >>> Byte.SIZE));
            }
            MemorySegment expected = arena.allocate(PageHash.BYTES, Long.BYTES);
            MemorySegment found = arena.allocate(RESULT);
            for (int length : CHECKED_LENGTHS) {
                java.hash(memory, 0, length, expected, 0);
                hash(function, memory.asSlice(0, length), (_, _) -> found);
                if (expected.mismatch(found) >= 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
