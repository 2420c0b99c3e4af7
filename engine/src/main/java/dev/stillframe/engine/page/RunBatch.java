package dev.stillframe.engine.page;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import java.lang.foreign.MemorySegment;

/**
 * A batch that is used again and again: the table of its runs and their hashes. Where the pages are
 * is for the subclass to say. Allocates only when it is made.
 */
public abstract class RunBatch implements PageBatch {
    private final MemorySegment hashes;
    private final PageKind[] kinds;
    private final long[] ordinals;
    private final long[] counts;
    private final int[] firstDataPage;
    private final int[] firstHash;
    private int runs;
    private int dataPages;
    private int hashCount;

    /**
     * An empty table.
     *
     * @param maxRuns room for so many runs
     * @param hashes room for the hashes of all pages that have one, {@link PageHash#BYTES} each
     */
    protected RunBatch(int maxRuns, MemorySegment hashes) {
        this.hashes = hashes;
        this.kinds = new PageKind[maxRuns];
        this.ordinals = new long[maxRuns];
        this.counts = new long[maxRuns];
        this.firstDataPage = new int[maxRuns];
        this.firstHash = new int[maxRuns];
    }

    /** Forgets all runs. */
    protected final void clear() {
        runs = 0;
        dataPages = 0;
        hashCount = 0;
    }

    /** Adds a run behind the last one; there is room for it. */
    protected final void add(PageKind kind, long firstOrdinal, long count) {
        kinds[runs] = kind;
        ordinals[runs] = firstOrdinal;
        counts[runs] = count;
        firstDataPage[runs] = dataPages;
        firstHash[runs++] = hashCount;
        count(kind, count);
    }

    /** Makes the last run longer. */
    protected final void lengthen(long count) {
        counts[runs - 1] += count;
        count(kinds[runs - 1], count);
    }

    private void count(PageKind kind, long count) {
        if (kind == PageKind.DATA) {
            dataPages += Math.toIntExact(count);
        }
        if (kind.hasHash()) {
            hashCount += Math.toIntExact(count);
        }
    }

    /** Pages of all {@code DATA} runs together. */
    public final int dataPages() {
        return dataPages;
    }

    /** Pages of all runs whose pages have hashes. */
    public final int hashCount() {
        return hashCount;
    }

    /** Number of the first page of run {@code run} among all data pages of the batch. */
    protected final int firstDataPage(int run) {
        return firstDataPage[run];
    }

    /**
     * Room for all hashes, to be filled by whoever fills the batch; one for each page that has one,
     * in their order.
     */
    public final MemorySegment hashTable() {
        return hashes;
    }

    @Override
    public final int runCount() {
        return runs;
    }

    @Override
    public final PageKind kind(int run) {
        return kinds[run];
    }

    @Override
    public final long firstOrdinal(int run) {
        return ordinals[run];
    }

    @Override
    public final long pageCount(int run) {
        return counts[run];
    }

    @Override
    public final MemorySegment hashes(int run) {
        return hashes.asSlice((long) firstHash[run] * PageHash.BYTES, counts[run] * PageHash.BYTES);
    }
}
