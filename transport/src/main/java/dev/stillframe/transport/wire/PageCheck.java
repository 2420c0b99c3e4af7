package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Checks that pages have the hashes that came with them. Owned by one thread. */
public final class PageCheck implements AutoCloseable {
    private final PageHash hasher = new PageHash();
    private final Arena arena = Arena.ofShared();
    private final MemorySegment own = arena.allocate(PageHash.BYTES, Long.BYTES);

    /** A page was damaged on the way. */
    public static final class DamagedException extends IOException {
        private static final long serialVersionUID = 1;

        DamagedException(String message) {
            super(message);
        }
    }

    /** Throws unless all pages are as they were sent. */
    public void check(Message.Batch message) throws DamagedException {
        PageBatch batch = message.pages();
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                check(message.sequence(), batch, run);
            }
        }
    }

    private void check(long sequence, PageBatch batch, int run) throws DamagedException {
        MemorySegment data = batch.data(run);
        MemorySegment hashes = batch.hashes(run);
        long count = batch.pageCount(run);
        long pageBytes = data.byteSize() / count;
        for (long page = 0; page < count; page++) {
            hasher.hash(data, page * pageBytes, pageBytes, own, 0);
            long at = page * PageHash.BYTES;
            if (MemorySegment.mismatch(hashes, at, at + PageHash.BYTES, own, 0, PageHash.BYTES)
                    >= 0) {
                throw new DamagedException(
                        "page %d in batch %d does not have the hash that came with it"
                                .formatted(batch.firstOrdinal(run) + page, sequence));
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
