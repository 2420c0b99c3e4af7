package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A batch made by a test, which may break every rule. */
final class RunsBatch implements PageBatch {
    static final int PAGE = 4096;

    private final Arena arena = Arena.ofShared();
    private final List<Run> runs = new ArrayList<>();
    int released;

    record Run(
            PageKind kind,
            long firstOrdinal,
            long pageCount,
            MemorySegment data,
            MemorySegment hashes) {}

    RunsBatch add(PageKind kind, long firstOrdinal, long pageCount) {
        runs.add(new Run(kind, firstOrdinal, pageCount, MemorySegment.NULL, MemorySegment.NULL));
        return this;
    }

    /** Adds whole pages of data with their right hashes. */
    RunsBatch addData(long firstOrdinal, byte[] bytes) {
        int count = bytes.length / PAGE;
        MemorySegment data = arena.allocate(bytes.length, PAGE);
        data.copyFrom(MemorySegment.ofArray(bytes));
        MemorySegment hashes = arena.allocate((long) count * PageHash.BYTES);
        for (int page = 0; page < count; page++) {
            new PageHash()
                    .hash(data, (long) page * PAGE, PAGE, hashes, (long) page * PageHash.BYTES);
        }
        runs.add(new Run(PageKind.DATA, firstOrdinal, count, data, hashes));
        return this;
    }

    @Override
    public int runCount() {
        return runs.size();
    }

    @Override
    public PageKind kind(int run) {
        return runs.get(run).kind();
    }

    @Override
    public long firstOrdinal(int run) {
        return runs.get(run).firstOrdinal();
    }

    @Override
    public long pageCount(int run) {
        return runs.get(run).pageCount();
    }

    @Override
    public MemorySegment data(int run) {
        return runs.get(run).data();
    }

    @Override
    public MemorySegment hashes(int run) {
        return runs.get(run).hashes();
    }

    @Override
    public long dataBytes() {
        return runs.stream().mapToLong(run -> run.data().byteSize()).sum();
    }

    @Override
    public void release() {
        released++;
        arena.close();
    }
}
