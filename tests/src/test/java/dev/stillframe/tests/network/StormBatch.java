package dev.stillframe.tests.network;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageKind;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Some runs of a {@link StormImage} in memory of their own. Released once, by any thread. */
final class StormBatch implements PageBatch {
    private final Arena arena = Arena.ofShared();
    private final List<StormImage.Run> runs;
    private final List<MemorySegment> data;
    private final List<MemorySegment> hashes;
    private final AtomicInteger live;

    /** Counts itself in {@code live} until it is released. */
    StormBatch(StormImage image, List<StormImage.Run> runs, AtomicInteger live) {
        this.runs = List.copyOf(runs);
        this.data = runs.stream().map(run -> image.data(run, arena)).toList();
        this.hashes = runs.stream().map(run -> image.hashes(run, arena)).toList();
        this.live = live;
        live.incrementAndGet();
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
        return runs.get(run).first();
    }

    @Override
    public long pageCount(int run) {
        return runs.get(run).count();
    }

    @Override
    public MemorySegment data(int run) {
        return data.get(run);
    }

    @Override
    public MemorySegment hashes(int run) {
        return hashes.get(run);
    }

    @Override
    public long dataBytes() {
        return data.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    @Override
    public void release() {
        arena.close(); // throws the second time
        live.decrementAndGet();
    }
}
