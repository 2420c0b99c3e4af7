package dev.stillframe.tests.bench;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.page.RunBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Memory that is sent again and again as if it were a larger one: what the transport has to do, and
 * nothing of a capture but the page hashes, which are computed for every batch that goes out.
 */
final class SentMemory implements AutoCloseable {
    private static final int PAGE_BYTES = 4096;
    private static final int BATCH_PAGES = 512;
    private static final int BATCHES = 192;

    private final Arena arena = Arena.ofShared();
    private final ArrayBlockingQueue<Batch> idle = new ArrayBlockingQueue<>(BATCHES);

    /** Random bytes, which nothing can make shorter. */
    SentMemory() {
        Random random = new Random(1);
        for (int i = 0; i < BATCHES; i++) {
            Batch batch = new Batch();
            for (long at = 0; at < batch.memory.byteSize(); at += Long.BYTES) {
                batch.memory.set(ValueLayout.JAVA_LONG, at, random.nextLong());
            }
            idle.add(batch);
        }
    }

    /** Sends {@code sizeBytes} through {@code sink}, all of it once. */
    void send(PageSink sink, long sizeBytes) throws IOException, InterruptedException {
        long pages = sizeBytes / PAGE_BYTES;
        sink.begin(layout(pages));
        for (long first = 0; first < pages; first += BATCH_PAGES) {
            Batch batch = idle.poll(1, TimeUnit.MINUTES);
            if (batch == null) {
                throw new IOException("no batch came back for a minute");
            }
            batch.fill(first);
            sink.accept(batch);
        }
        sink.finish(new Ending(List.of(), new byte[RootHash.BYTES]));
    }

    private static Layout layout(long pages) {
        AddressRange range = new AddressRange(1L << 32, (1L << 32) + pages * PAGE_BYTES);
        Region region =
                new Region(
                        range,
                        "rw-p",
                        RegionKind.ANONYMOUS,
                        "[heap]",
                        0,
                        null,
                        List.of(new Extent(0, pages, 0)));
        Source source =
                new Source(
                        1,
                        0,
                        1,
                        1,
                        0,
                        0,
                        "bench",
                        List.of("bench"),
                        "/bin/bench",
                        "host",
                        "x86_64",
                        "6");
        return new Layout(PAGE_BYTES, 1, source, new byte[16], List.of(), List.of(region));
    }

    private final class Batch extends RunBatch {
        private final MemorySegment memory =
                arena.allocate((long) BATCH_PAGES * PAGE_BYTES, PAGE_BYTES);
        private final PageHash hasher = new PageHash();

        private Batch() {
            super(1, arena.allocate((long) BATCH_PAGES * PageHash.BYTES, Long.BYTES));
        }

        private void fill(long firstOrdinal) {
            clear();
            add(PageKind.DATA, firstOrdinal, BATCH_PAGES);
            for (int page = 0; page < BATCH_PAGES; page++) {
                hasher.hash(
                        memory,
                        (long) page * PAGE_BYTES,
                        PAGE_BYTES,
                        hashTable(),
                        (long) page * PageHash.BYTES);
            }
        }

        @Override
        public MemorySegment data(int run) {
            return memory;
        }

        @Override
        public long dataBytes() {
            return memory.byteSize();
        }

        @Override
        public void release() {
            idle.add(this);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
