package dev.stillframe.engine.staging;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * A batch with room for one staging block, used again and again. Filled by the drain; then the
 * sink's until it is released.
 */
final class StagedBatch extends RunBatch {
    /** More runs than pages are possible only without data. */
    static final int MAX_RUNS = StagingBlock.PAGES;

    private final Consumer<StagedBatch> onRelease;
    private final long[] offsets = new long[MAX_RUNS];
    private MemorySegment memory = MemorySegment.NULL;
    private boolean apart;

    /** Hashes live in {@code arena}; {@code onRelease} is told on the releasing thread. */
    StagedBatch(Arena arena, Consumer<StagedBatch> onRelease) {
        super(MAX_RUNS, arena.allocate((long) StagingBlock.PAGES * PageHash.BYTES, Long.BYTES));
        this.onRelease = onRelease;
    }

    void begin(MemorySegment memory) {
        this.memory = memory;
        clear();
    }

    boolean isFull() {
        return runCount() == MAX_RUNS || hashRoom() == 0;
    }

    /** For how many more hashes there is room. */
    int hashRoom() {
        return StagingBlock.PAGES - hashCount();
    }

    /** Where the hash of the next page goes in {@link #hashTable()}. */
    long nextHash() {
        return (long) hashCount() * PageHash.BYTES;
    }

    /** The next page begins a run of its own: a run does not cross the border of an extent. */
    void beginRun() {
        apart = true;
    }

    /** Adds pages to the last run or begins a new one. */
    void add(PageKind kind, long ordinal, long count, long offset) {
        int last = runCount() - 1;
        if (!apart
                && last >= 0
                && kind(last) == kind
                && firstOrdinal(last) + pageCount(last) == ordinal
                && (kind != PageKind.DATA
                        || offsets[last] + pageCount(last) * StagingBlock.PAGE_BYTES == offset)) {
            lengthen(count);
        } else {
            offsets[runCount()] = offset;
            add(kind, ordinal, count);
        }
        apart = false;
    }

    @Override
    public MemorySegment data(int run) {
        return memory.asSlice(offsets[run], pageCount(run) * StagingBlock.PAGE_BYTES);
    }

    @Override
    public long dataBytes() {
        return (long) dataPages() * StagingBlock.PAGE_BYTES;
    }

    @Override
    public void release() {
        onRelease.accept(this);
    }
}
