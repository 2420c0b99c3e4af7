package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;

/**
 * What of a batch an image has to store that has a parent: all but the data pages that the parent
 * has at the same addresses, which are recorded as such. A view of the batch, used again and again;
 * owned by one thread.
 */
final class UnlikeParent implements PageBatch {
    private final ImageReader parent;
    private final ImageContents contents;
    private PageBatch batch;
    private int[] runs = new int[64];
    private long[] firstPages = new long[64];
    private long[] counts = new long[64];
    private int count;

    UnlikeParent(ImageReader parent, ImageContents contents, PageBatch first) {
        this.parent = parent;
        this.contents = contents;
        this.batch = first;
    }

    /**
     * Looks at another batch, all of whose pages are recorded already. Of those of its data pages
     * that are in {@code again} something else is stored: they are not left to the parent.
     */
    void look(PageBatch next, BitSet again) throws IOException {
        batch = next;
        count = 0;
        int dataPages = 0;
        for (int run = 0; run < next.runCount(); run++) {
            if (next.kind(run) == PageKind.DATA) {
                split(run, again, dataPages);
                dataPages += Math.toIntExact(next.pageCount(run));
            } else {
                add(run, 0, next.pageCount(run));
            }
        }
    }

    private void split(int run, BitSet again, int dataPages) throws IOException {
        long pages = batch.pageCount(run);
        long first = batch.firstOrdinal(run);
        MemorySegment hashes = batch.hashes(run);
        long address = contents.locator.address(first);
        long stored = 0;
        for (long page = 0; page < pages; page++) {
            if (!again.get(dataPages + (int) page)
                    && parent.holds(
                            address + page * contents.layout.pageSizeBytes(),
                            hashes,
                            page * PageHash.BYTES)) {
                contents.index.recordInParent(first + page);
                if (page > stored) {
                    add(run, stored, page - stored);
                }
                stored = page + 1;
            }
        }
        if (pages > stored) {
            add(run, stored, pages - stored);
        }
    }

    private void add(int run, long firstPage, long pages) {
        if (count == runs.length) {
            runs = Arrays.copyOf(runs, 2 * count);
            firstPages = Arrays.copyOf(firstPages, 2 * count);
            counts = Arrays.copyOf(counts, 2 * count);
        }
        runs[count] = run;
        firstPages[count] = firstPage;
        counts[count++] = pages;
    }

    @Override
    public int runCount() {
        return count;
    }

    @Override
    public PageKind kind(int run) {
        return batch.kind(runs[run]);
    }

    @Override
    public long firstOrdinal(int run) {
        return batch.firstOrdinal(runs[run]) + firstPages[run];
    }

    @Override
    public long pageCount(int run) {
        return counts[run];
    }

    @Override
    public MemorySegment data(int run) {
        long pageSize = contents.layout.pageSizeBytes();
        return batch.data(runs[run]).asSlice(firstPages[run] * pageSize, counts[run] * pageSize);
    }

    @Override
    public MemorySegment hashes(int run) {
        return batch.hashes(runs[run])
                .asSlice(firstPages[run] * PageHash.BYTES, counts[run] * PageHash.BYTES);
    }

    @Override
    public long dataBytes() {
        long pages = 0;
        for (int run = 0; run < count; run++) {
            pages += kind(run) == PageKind.DATA ? counts[run] : 0;
        }
        return pages * contents.layout.pageSizeBytes();
    }

    /** The batch is its owner's to release. */
    @Override
    public void release() {}
}
