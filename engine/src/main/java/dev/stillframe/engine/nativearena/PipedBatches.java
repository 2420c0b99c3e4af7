package dev.stillframe.engine.nativearena;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.RunBatch;
import dev.stillframe.engine.staging.StagingBlock;
import java.io.DataInputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Batches read from a {@link PipeSink}, in memory that is used again. Closed when the sink holds
 * none any more.
 */
final class PipedBatches implements AutoCloseable {
    private static final int BATCHES = 4;
    private static final int CHUNK_BYTES = 1 << 18;

    private final Arena arena = Arena.ofShared();
    private final ArrayBlockingQueue<Batch> idle = new ArrayBlockingQueue<>(BATCHES);
    private final Duration stallTimeout;
    private final byte[] chunk = new byte[CHUNK_BYTES];

    PipedBatches(Duration stallTimeout) {
        this.stallTimeout = stallTimeout;
        try {
            for (int i = 0; i < BATCHES; i++) {
                idle.add(new Batch());
            }
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** The next batch; waits for the sink to release one if all are with it. */
    PageBatch next(DataInputStream in) throws IOException {
        @Nullable Batch batch;
        try {
            batch = idle.poll(stallTimeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for the sink", e);
        }
        if (batch == null) {
            throw new IOException("the sink took no page for " + stallTimeout.toSeconds() + " s");
        }
        batch.read(in);
        return batch;
    }

    private final class Batch extends RunBatch {
        private final MemorySegment data =
                arena.allocate(
                        (long) StagingBlock.PAGES * StagingBlock.PAGE_BYTES,
                        StagingBlock.PAGE_BYTES);

        Batch() {
            super(
                    StagingBlock.PAGES,
                    arena.allocate((long) StagingBlock.PAGES * PageHash.BYTES, Long.BYTES));
        }

        void read(DataInputStream in) throws IOException {
            clear();
            int runs = in.readInt();
            for (int run = 0; run < runs; run++) {
                add(PageKind.of(in.readByte()), in.readLong(), in.readLong());
            }
            for (int run = 0; run < runs; run++) {
                if (kind(run) == PageKind.DATA) {
                    fill(in, hashes(run));
                    fill(in, data(run));
                }
            }
        }

        private void fill(DataInputStream in, MemorySegment into) throws IOException {
            for (long at = 0; at < into.byteSize(); at += CHUNK_BYTES) {
                int length = (int) Math.min(CHUNK_BYTES, into.byteSize() - at);
                in.readFully(chunk, 0, length);
                MemorySegment.copy(chunk, 0, into, JAVA_BYTE, at, length);
            }
        }

        @Override
        public MemorySegment data(int run) {
            return data.asSlice(
                    (long) firstDataPage(run) * StagingBlock.PAGE_BYTES,
                    pageCount(run) * StagingBlock.PAGE_BYTES);
        }

        @Override
        public long dataBytes() {
            return (long) dataPages() * StagingBlock.PAGE_BYTES;
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
