package dev.stillframe.engine.image;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageKind;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns the runs of a batch into few large writes: runs that lie side by side in the file go in
 * one, also across zero pages that are no more than the data before them and no more than {@value
 * #MAX_GAP_PAGES}, for which zeros are written. A write costs about as much as 30 pages do, and the
 * file at most doubles by it. Owned by one thread.
 */
final class PageGather implements AutoCloseable {
    private static final int MAX_GAP_PAGES = 32;

    /** Well under the 1024 pieces that Linux takes in one writev(2). */
    private static final int MAX_PIECES = 512;

    private final PageFile pages;
    private final int pageSizeBytes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment zeros;
    private final List<ByteBuffer> pieces = new ArrayList<>();
    private long startOrdinal;
    private long endOrdinal;
    private long dataPages;

    PageGather(PageFile pages, int pageSizeBytes) {
        this.pages = pages;
        this.pageSizeBytes = pageSizeBytes;
        this.zeros = arena.allocate((long) MAX_GAP_PAGES * pageSizeBytes, pageSizeBytes);
    }

    /** Writes all data of {@code batch}; its memory is not needed afterwards. */
    void write(PageBatch batch) throws IOException {
        try {
            for (int run = 0; run < batch.runCount(); run++) {
                if (batch.kind(run) == PageKind.DATA) {
                    long first = batch.firstOrdinal(run);
                    if (!bridge(batch, run, first) || pieces.size() >= MAX_PIECES) {
                        flush();
                        startOrdinal = first;
                    }
                    PageFile.addBuffers(batch.data(run), pieces);
                    dataPages = batch.pageCount(run);
                    endOrdinal = first + dataPages;
                }
            }
            flush();
        } finally {
            pieces.clear();
        }
    }

    /**
     * Whether the run at {@code first} continues the write, having filled a gap of zero pages if
     * there is one.
     */
    private boolean bridge(PageBatch batch, int run, long first) {
        long gap = first - endOrdinal;
        if (pieces.isEmpty() || gap < 0 || gap > Math.min(dataPages, MAX_GAP_PAGES)) {
            return false;
        }
        if (gap == 0) {
            return true;
        }
        boolean zero =
                batch.kind(run - 1) == PageKind.ZERO
                        && batch.firstOrdinal(run - 1) == endOrdinal
                        && batch.pageCount(run - 1) == gap;
        if (zero) {
            PageFile.addBuffers(zeros.asSlice(0, gap * pageSizeBytes), pieces);
        }
        return zero;
    }

    private void flush() throws IOException {
        if (!pieces.isEmpty()) {
            pages.write(startOrdinal * pageSizeBytes, pieces);
            pieces.clear();
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
