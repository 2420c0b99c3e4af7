package dev.stillframe.transport;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A batch made by a test, which may break every rule but the length of its data. */
public final class SampleBatch implements PageBatch {
    /** Size of its pages. */
    public static final int PAGE = 4096;

    private final Arena arena = Arena.ofShared();
    private final List<Run> runs = new ArrayList<>();
    private final CountDownLatch released = new CountDownLatch(1);

    private record Run(
            PageKind kind,
            long firstOrdinal,
            long pageCount,
            MemorySegment data,
            MemorySegment hashes) {}

    /** Adds pages without contents. */
    public SampleBatch add(PageKind kind, long firstOrdinal, long pageCount) {
        runs.add(new Run(kind, firstOrdinal, pageCount, MemorySegment.NULL, MemorySegment.NULL));
        return this;
    }

    /** Adds pages that are said to be in the parent, with any hashes. */
    public SampleBatch addInParent(long firstOrdinal, byte[] hashes) {
        MemorySegment copy = arena.allocate(hashes.length, Long.BYTES);
        copy.copyFrom(MemorySegment.ofArray(hashes));
        runs.add(
                new Run(
                        PageKind.IN_PARENT,
                        firstOrdinal,
                        hashes.length / PageHash.BYTES,
                        MemorySegment.NULL,
                        copy));
        return this;
    }

    /** Adds whole pages of data with their right hashes. */
    public SampleBatch addData(long firstOrdinal, byte[] bytes) {
        int count = bytes.length / PAGE;
        MemorySegment data = arena.allocate(bytes.length, PAGE);
        data.copyFrom(MemorySegment.ofArray(bytes));
        MemorySegment hashes = arena.allocate((long) count * PageHash.BYTES, Long.BYTES);
        PageHash hash = new PageHash();
        for (int page = 0; page < count; page++) {
            hash.hash(data, (long) page * PAGE, PAGE, hashes, (long) page * PageHash.BYTES);
        }
        runs.add(new Run(PageKind.DATA, firstOrdinal, count, data, hashes));
        return this;
    }

    /** Adds pages of random data. */
    public SampleBatch addRandom(long firstOrdinal, int pageCount, Random random) {
        byte[] bytes = new byte[pageCount * PAGE];
        random.nextBytes(bytes);
        return addData(firstOrdinal, bytes);
    }

    /** Whether it was released, waiting for that up to ten seconds. */
    public boolean awaitRelease() throws InterruptedException {
        return released.await(10, TimeUnit.SECONDS);
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
        arena.close(); // throws the second time
        released.countDown();
    }
}
