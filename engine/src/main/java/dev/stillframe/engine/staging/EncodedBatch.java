package dev.stillframe.engine.staging;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageHash;
import dev.stillframe.engine.page.PageKind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * A batch with room for one staging block, used again and again. Filled by the encoder; then the sink's until it is
 * released.
 */
final class EncodedBatch implements PageBatch {
    /** More runs than pages are possible only without data. */
    static final int MAX_RUNS = StagingBlock.PAGES;

    private final Consumer<EncodedBatch> onRelease;
    private final MemorySegment hashes;
    private final PageKind[] kinds = new PageKind[MAX_RUNS];
    private final long[] ordinals = new long[MAX_RUNS];
    private final long[] counts = new long[MAX_RUNS];
    private final long[] offsets = new long[MAX_RUNS];
    private final int[] firstHash = new int[MAX_RUNS];
    private MemorySegment memory = MemorySegment.NULL;
    private int runs;
    private int dataPages;
    private boolean apart;

    /** Hashes live in {@code arena}; {@code onRelease} is told on the releasing thread. */
    EncodedBatch(Arena arena, Consumer<EncodedBatch> onRelease) {
        this.onRelease = onRelease;
        this.hashes = arena.allocate((long) StagingBlock.PAGES * PageHash.BYTES, Long.BYTES);
    }

    void begin(MemorySegment memory) {
        this.memory = memory;
        runs = 0;
        dataPages = 0;
    }

    boolean isFull() {
        return runs == MAX_RUNS;
    }

    /** Where the hash of the next data page goes. */
    long nextHash() {
        return (long) dataPages * PageHash.BYTES;
    }

    MemorySegment hashTable() {
        return hashes;
    }

    /** The next page begins a run of its own: a run does not cross the border of an extent. */
    void beginRun() {
        apart = true;
    }

    /** Adds pages to the last run or begins a new one. */
    void add(PageKind kind, long ordinal, long count, long offset) {
        int last = runs - 1;
        if (!apart
                && runs > 0
                && kinds[last] == kind
                && ordinals[last] + counts[last] == ordinal
                && (kind != PageKind.DATA || offsets[last] + counts[last] * StagingBlock.PAGE_BYTES == offset)) {
            counts[last] += count;
        } else {
            kinds[runs] = kind;
            ordinals[runs] = ordinal;
            counts[runs] = count;
            offsets[runs] = offset;
            firstHash[runs++] = dataPages;
        }
        apart = false;
        if (kind == PageKind.DATA) {
            dataPages += Math.toIntExact(count);
        }
    }

    @Override
    public int runCount() {
        return runs;
    }

    @Override
    public PageKind kind(int run) {
        return kinds[run];
    }

    @Override
    public long firstOrdinal(int run) {
        return ordinals[run];
    }

    @Override
    public long pageCount(int run) {
        return counts[run];
    }

    @Override
    public MemorySegment data(int run) {
        return memory.asSlice(offsets[run], counts[run] * StagingBlock.PAGE_BYTES);
    }

    @Override
    public MemorySegment hashes(int run) {
        return hashes.asSlice((long) firstHash[run] * PageHash.BYTES, counts[run] * PageHash.BYTES);
    }

    @Override
    public long dataBytes() {
        return (long) dataPages * StagingBlock.PAGE_BYTES;
    }

    @Override
    public void release() {
        onRelease.accept(this);
    }
}
