package dev.stillframe.tests.network;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Some runs of a {@link StormImage} in memory of their own. Released once, by any thread. */
final class StormBatch extends RunBatch {
    private final Arena arena;
    private final MemorySegment memory;
    private final AtomicInteger live;

    /** Counts itself in {@code live} until it is released. */
    StormBatch(StormImage image, List<StormImage.Run> runs, AtomicInteger live) {
        this(image, runs, live, Arena.ofShared());
    }

    private StormBatch(
            StormImage image, List<StormImage.Run> runs, AtomicInteger live, Arena arena) {
        super(runs.size(), arena.allocate(dataPages(runs) * PageHash.BYTES, Long.BYTES));
        this.arena = arena;
        this.memory = arena.allocate(dataPages(runs) * StormImage.PAGE, StormImage.PAGE);
        this.live = live;
        for (StormImage.Run run : runs) {
            add(run.kind(), run.first(), run.count());
            if (run.kind() == PageKind.DATA) {
                int last = runCount() - 1;
                image.copy(run, data(last), hashes(last));
            }
        }
        live.incrementAndGet();
    }

    private static long dataPages(List<StormImage.Run> runs) {
        return runs.stream()
                .filter(run -> run.kind() == PageKind.DATA)
                .mapToLong(StormImage.Run::count)
                .sum();
    }

    @Override
    public MemorySegment data(int run) {
        return memory.asSlice(
                (long) firstDataPage(run) * StormImage.PAGE, pageCount(run) * StormImage.PAGE);
    }

    @Override
    public long dataBytes() {
        return memory.byteSize();
    }

    @Override
    public void release() {
        arena.close(); // throws the second time
        live.decrementAndGet();
    }
}
