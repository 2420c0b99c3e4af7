package dev.stillframe.engine.nativearena;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.instant.PageHash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * Copies of some pages of an arena: a page that is copied again replaces its copy. Memory is taken
 * as pages come, and given back by {@link #close}. Owned by one thread.
 */
final class CopiedPages implements AutoCloseable {
    /** Pages of a piece of memory, and the most in one batch. */
    static final int CHUNK_PAGES = 512;

    private static final int PAGE_BYTES = MemoryArena.PAGE_BYTES;

    private final Arena arena = Arena.ofShared(); // the sink reads it on threads of its own
    private final List<MemorySegment> chunks = new ArrayList<>();
    private final int[] slots;
    private final BitSet pages = new BitSet();
    private int used;

    /** For an arena of {@code pages} pages. */
    CopiedPages(int pages) {
        slots = new int[pages];
        Arrays.fill(slots, -1);
    }

    /** The pages of which there is a copy. */
    BitSet pages() {
        return (BitSet) pages.clone();
    }

    /** Copies {@code wanted} pages from the arena's memory. */
    void copy(BitSet wanted, MemorySegment memory) {
        for (int page = wanted.nextSetBit(0); page >= 0; page = wanted.nextSetBit(page + 1)) {
            MemorySegment.copy(memory, (long) page * PAGE_BYTES, room(page), 0, PAGE_BYTES);
        }
    }

    /** Takes a page from {@code bytes}. */
    void put(int page, byte[] bytes) {
        MemorySegment.copy(bytes, 0, room(page), JAVA_BYTE, 0, PAGE_BYTES);
    }

    private MemorySegment room(int page) {
        if (slots[page] < 0) {
            slots[page] = used++;
            pages.set(page);
            if (slots[page] / CHUNK_PAGES == chunks.size()) {
                chunks.add(arena.allocate((long) CHUNK_PAGES * PAGE_BYTES, PAGE_BYTES));
            }
        }
        return page(page);
    }

    /** The copy of a page that has one. */
    MemorySegment page(int page) {
        return run(page, 1);
    }

    /** The copies of {@code count} pages from {@code page} on, which lie one behind the other. */
    MemorySegment run(int page, int count) {
        long offset = slots[page] % CHUNK_PAGES * (long) PAGE_BYTES;
        return chunks.get(slots[page] / CHUNK_PAGES).asSlice(offset, (long) count * PAGE_BYTES);
    }

    /** Whether the copy of the page after {@code page} lies behind its copy. */
    boolean isFollowed(int page) {
        return page + 1 < slots.length
                && slots[page + 1] == slots[page] + 1
                && slots[page + 1] % CHUNK_PAGES != 0;
    }

    /** Memory for the hashes of one batch. */
    MemorySegment hashTable() {
        return arena.allocate((long) CHUNK_PAGES * PageHash.BYTES, Long.BYTES);
    }

    @Override
    public void close() {
        arena.close();
    }
}
