package dev.stillframe.engine.capture;

import java.lang.foreign.MemorySegment;

/**
 * A piece of staging memory with pages in it: runs of consecutive addresses. Owned by one thread at a time: the worker that
 * fills it, then the encoder.
 */
final class StagingBlock {
    /** Pages of one block: a huge page fits. */
    static final int PAGES = Block.PAGES;

    static final long BYTES = Block.BYTES;

    private final MemorySegment memory;
    private final long[] addresses = new long[PAGES];
    private final int[] pages = new int[PAGES];
    private final int[] offsets = new int[PAGES];
    private int runs;
    private int used;

    StagingBlock(MemorySegment memory) {
        this.memory = memory;
    }

    MemorySegment memory() {
        return memory;
    }

    int room() {
        return PAGES - used;
    }

    boolean isEmpty() {
        return runs == 0;
    }

    /** Where the next pages go. */
    long nextAddress() {
        return memory.address() + (long) used * Block.PAGE_BYTES;
    }

    /** Counts in {@code count} pages that were copied to {@link #nextAddress}. */
    void add(long address, int count) {
        int last = runs - 1;
        if (runs > 0
                && addresses[last] + (long) pages[last] * Block.PAGE_BYTES == address
                && offsets[last] + pages[last] == used) {
            pages[last] += count;
        } else {
            addresses[runs] = address;
            pages[runs] = count;
            offsets[runs] = used;
            runs++;
        }
        used += count;
    }

    /** Takes the last {@code count} pages back. */
    void drop(int count) {
        used -= count;
        pages[runs - 1] -= count;
        if (pages[runs - 1] == 0) {
            runs--;
        }
    }

    int runs() {
        return runs;
    }

    long address(int run) {
        return addresses[run];
    }

    int pages(int run) {
        return pages[run];
    }

    /** Place of the run's first page in {@link #memory}, in bytes. */
    long offset(int run) {
        return (long) offsets[run] * Block.PAGE_BYTES;
    }

    void clear() {
        runs = 0;
        used = 0;
    }
}
