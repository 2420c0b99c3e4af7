package dev.stillframe.tests.network;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

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
        super(
                runs.size(),
                arena.allocate(pages(runs, PageKind::hasHash) * PageHash.BYTES, Long.BYTES));
        this.arena = arena;
        this.memory =
                arena.allocate(
                        pages(runs, PageKind.DATA::equals) * StormImage.PAGE, StormImage.PAGE);
        this.live = live;
        for (StormImage.Run run : runs) {
            add(run.kind(), run.first(), run.count());
            int last = runCount() - 1;
            if (run.kind().hasHash()) {
                image.copyHashes(run, hashes(last));
            }
            if (run.kind() == PageKind.DATA) {
                image.copyContents(run, data(last));
            }
        }
        live.incrementAndGet();
    }

    private static long pages(List<StormImage.Run> runs, Predicate<PageKind> which) {
        return runs.stream()
                .filter(run -> which.test(run.kind()))
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
