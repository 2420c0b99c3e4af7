package dev.stillframe.engine.staging;

import java.lang.foreign.MemorySegment;

/**
 * A piece of staging memory with pages in it: runs of consecutive addresses. Owned by one thread at
 * a time: the worker that fills it, then the drain.
 */
public final class StagingBlock {
    /** Pages of one block: a huge page fits. */
    public static final int PAGES = 512;

    /** Bytes of a page. */
    public static final int PAGE_BYTES = 4096;

    static final long BYTES = (long) PAGES * PAGE_BYTES;

    private final MemorySegment memory;
    private final long[] addresses = new long[PAGES];
    private final int[] pages = new int[PAGES];
    private final int[] offsets = new int[PAGES];
    private int runs;
    private int used;
    private int round;

    public StagingBlock(MemorySegment memory) {
        this.memory = memory;
    }

    public MemorySegment memory() {
        return memory;
    }

    public int room() {
        return PAGES - used;
    }

    public boolean isEmpty() {
        return runs == 0;
    }

    /** Where the next pages go. */
    public long nextAddress() {
        return memory.address() + (long) used * PAGE_BYTES;
    }

    /** Counts in {@code count} pages that were copied to {@link #nextAddress}. */
    public void add(long address, int count) {
        int last = runs - 1;
        if (runs > 0
                && addresses[last] + (long) pages[last] * PAGE_BYTES == address
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

    /**
     * Page {@code index} of {@link #memory} holds the page at {@code address}. For blocks that
     * several threads fill, each its own pages; {@link #filled} comes after all of them.
     */
    public void place(int index, long address) {
        addresses[index] = address;
        pages[index] = 1;
        offsets[index] = index;
    }

    /** The first {@code count} pages were {@linkplain #place placed}. */
    public void filled(int count) {
        runs = count;
        used = count;
    }

    /** Whether the last {@code count} pages hold only zeros. */
    public boolean endsInZeros(int count) {
        for (int page = used - count; page < used; page++) {
            if (!isZero(page)) {
                return false;
            }
        }
        return true;
    }

    /** Whether page {@code index} of {@link #memory} holds only zeros. */
    public boolean isZero(int index) {
        return ZeroPage.is(memory, (long) index * PAGE_BYTES);
    }

    /** Whether pages {@code index} and {@code other} of {@link #memory} hold the same. */
    public boolean isSame(int index, int other) {
        long from = (long) index * PAGE_BYTES;
        long at = (long) other * PAGE_BYTES;
        return MemorySegment.mismatch(memory, from, from + PAGE_BYTES, memory, at, at + PAGE_BYTES)
                < 0;
    }

    /** Takes the last {@code count} pages back. */
    public void drop(int count) {
        used -= count;
        for (int left = count; left > 0; ) {
            int some = Math.min(left, pages[runs - 1]);
            pages[runs - 1] -= some;
            left -= some;
            if (pages[runs - 1] == 0) {
                runs--;
            }
        }
    }

    /** Pages in it; the index of the next. */
    public int used() {
        return used;
    }

    /**
     * Adds page {@code index} of {@link #memory} again, which was dropped: it holds the page at
     * {@code address}.
     */
    public void keep(int index, long address) {
        if (index != used) {
            MemorySegment.copy(
                    memory,
                    (long) index * PAGE_BYTES,
                    memory,
                    (long) used * PAGE_BYTES,
                    PAGE_BYTES);
        }
        add(address, 1);
    }

    public int runs() {
        return runs;
    }

    public long address(int run) {
        return addresses[run];
    }

    public int pages(int run) {
        return pages[run];
    }

    /** Place of the run's first page in {@link #memory}, in bytes. */
    public long offset(int run) {
        return (long) offsets[run] * PAGE_BYTES;
    }

    /** Which round of the image it belongs to, counted from 0. */
    public int round() {
        return round;
    }

    /** Says that; the drain sees to it that the sink knows of the round first. */
    public void belongsTo(int toRound) {
        round = toRound;
    }

    public void clear() {
        runs = 0;
        used = 0;
        round = 0;
    }
}
