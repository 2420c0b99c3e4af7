package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Turns the runs of a batch into few large writes: runs that lie side by side in the file go in
 * one, also across zero pages that are no more than the data before them and no more than {@value
 * #MAX_GAP_PAGES}, for which zeros are written. A write costs about as much as 30 pages do, and the
 * file at most doubles by it. Owned by one thread.
 */
final class PageGather implements AutoCloseable {
    private static final int MAX_GAP_PAGES = 32;

    /** For the number of a run beside its ordinal, which has at most 36 bits. */
    private static final int RUN_BITS = 16;

    /** Well under the 1024 pieces that Linux takes in one writev(2). */
    private static final int MAX_PIECES = 512;

    private final PageFile pages;
    private final int pageSizeBytes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment zeros;
    private final List<ByteBuffer> pieces = new ArrayList<>();
    private long[] order = new long[0];
    private long startOrdinal;
    private long endOrdinal;
    private long dataPages;

    PageGather(PageFile pages, int pageSizeBytes) {
        this.pages = pages;
        this.pageSizeBytes = pageSizeBytes;
        this.zeros = arena.allocate((long) MAX_GAP_PAGES * pageSizeBytes, pageSizeBytes);
    }

    /**
     * Writes all data of {@code batch}; its memory is not needed afterwards.
     *
     * @throws ImageFormatException if a page is in it twice: which one counts cannot be said
     */
    void write(PageBatch batch) throws IOException {
        try {
            sort(batch);
            checkOnce(batch);
            for (int at = 0; at < batch.runCount(); at++) {
                int run = run(at);
                if (batch.kind(run) == PageKind.DATA) {
                    long first = batch.firstOrdinal(run);
                    if (!bridge(batch, at, first) || pieces.size() >= MAX_PIECES) {
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

    /** By place in the file: pages that were written while they were captured are out of turn. */
    private void sort(PageBatch batch) {
        int runs = batch.runCount();
        if (order.length < runs) {
            order = new long[Math.max(runs, 2 * order.length)];
        }
        for (int run = 0; run < runs; run++) {
            order[run] = batch.firstOrdinal(run) << RUN_BITS | run;
        }
        Arrays.sort(order, 0, runs);
    }

    private void checkOnce(PageBatch batch) throws ImageFormatException {
        long end = 0;
        for (int at = 0; at < batch.runCount(); at++) {
            long first = batch.firstOrdinal(run(at));
            if (first < end) {
                throw new ImageFormatException("page " + first + " came twice in one batch");
            }
            end = first + batch.pageCount(run(at));
        }
    }

    private int run(int at) {
        return (int) order[at] & (1 << RUN_BITS) - 1;
    }

    /**
     * Whether the run at {@code first} continues the write, having filled a gap of zero pages if
     * there is one.
     */
    private boolean bridge(PageBatch batch, int at, long first) {
        long gap = first - endOrdinal;
        if (pieces.isEmpty() || gap < 0 || gap > Math.min(dataPages, MAX_GAP_PAGES)) {
            return false;
        }
        if (gap == 0) {
            return true;
        }
        int before = run(at - 1);
        boolean zero =
                batch.kind(before) == PageKind.ZERO
                        && batch.firstOrdinal(before) == endOrdinal
                        && batch.pageCount(before) == gap;
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
