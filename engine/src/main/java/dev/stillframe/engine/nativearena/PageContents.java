package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.staging.ZeroPage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/**
 * What each page of an arena held at some time, by its hash; a page of zeros has a hash of zeros.
 * Owned by one thread.
 */
final class PageContents {
    private static final int PAGE_BYTES = MemoryArena.PAGE_BYTES;

    private final long[] words;
    private final PageHash hash = new PageHash();
    private final MemorySegment result = Arena.ofAuto().allocate(PageHash.BYTES, Long.BYTES);

    /** Of pages of zeros. */
    PageContents(int pages) {
        words = new long[Math.multiplyExact(2, pages)];
    }

    /** Page {@code page} holds what is at {@code offset} of native memory. */
    void set(int page, MemorySegment memory, long offset) {
        compute(memory, offset);
        setHash(page, result, 0);
    }

    /** The hash of page {@code page} is at {@code offset}. */
    void setHash(int page, MemorySegment hashes, long offset) {
        words[2 * page] = hashes.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
        words[2 * page + 1] = hashes.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + Long.BYTES);
    }

    /** Page {@code page} is as {@code other} has it. */
    void take(int page, PageContents other) {
        words[2 * page] = other.words[2 * page];
        words[2 * page + 1] = other.words[2 * page + 1];
    }

    /** Writes the hash of page {@code page} to {@code offset}. */
    void copyHash(int page, MemorySegment into, long offset) {
        into.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, words[2 * page]);
        into.set(ValueLayout.JAVA_LONG_UNALIGNED, offset + Long.BYTES, words[2 * page + 1]);
    }

    boolean isZero(int page) {
        return words[2 * page] == 0 && words[2 * page + 1] == 0;
    }

    boolean isSame(int page, PageContents other) {
        return words[2 * page] == other.words[2 * page]
                && words[2 * page + 1] == other.words[2 * page + 1];
    }

    /**
     * Adds the pages of a range of offsets, none of which holds anything now, that did hold
     * something.
     */
    void addNotZero(long start, long end, BitSet differing) {
        for (long at = start; at < end; at += PAGE_BYTES) {
            int page = Math.toIntExact(at / PAGE_BYTES);
            if (!isZero(page)) {
                differing.set(page);
            }
        }
    }

    /** Adds the pages of a range of offsets that are not as they were. */
    void addDiffering(MemorySegment memory, long start, long end, BitSet differing) {
        for (long at = start; at < end; at += PAGE_BYTES) {
            int page = Math.toIntExact(at / PAGE_BYTES);
            compute(memory, at);
            if (result.get(ValueLayout.JAVA_LONG_UNALIGNED, 0) != words[2 * page]
                    || result.get(ValueLayout.JAVA_LONG_UNALIGNED, Long.BYTES)
                            != words[2 * page + 1]) {
                differing.set(page);
            }
        }
    }

    private void compute(MemorySegment memory, long offset) {
        if (ZeroPage.is(memory, offset)) {
            result.fill((byte) 0);
        } else {
            hash.hash(memory, offset, PAGE_BYTES, result, 0);
        }
    }
}
