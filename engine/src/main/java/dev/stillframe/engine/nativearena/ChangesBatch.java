package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.lang.foreign.MemorySegment;

/**
 * Pages as they lie in {@link CopiedPages}, which outlive the sink: nothing is copied, and nothing
 * is to be released.
 */
final class ChangesBatch extends RunBatch {
    private final MemorySegment[] data = new MemorySegment[CopiedPages.CHUNK_PAGES];
    private final PageContents contents;
    private int runs;
    private int pages;
    private int lastPage;

    /** An empty one; {@code contents} has the hashes. */
    ChangesBatch(CopiedPages copies, PageContents contents) {
        super(CopiedPages.CHUNK_PAGES, copies.hashTable());
        this.contents = contents;
    }

    boolean isFull() {
        return pages == CopiedPages.CHUNK_PAGES;
    }

    boolean isEmpty() {
        return pages == 0;
    }

    /** Adds a page, which in the image has number {@code ordinal}. */
    void add(int page, long ordinal, CopiedPages copies) {
        PageKind kind = contents.isZero(page) ? PageKind.ZERO : PageKind.DATA;
        if (kind == PageKind.DATA) {
            contents.copyHash(page, hashTable(), (long) dataPages() * PageHash.BYTES);
        }
        boolean follows =
                runs > 0
                        && lastPage + 1 == page
                        && kind(runs - 1) == kind
                        && (kind == PageKind.ZERO || copies.isFollowed(lastPage));
        if (follows) {
            lengthen(1);
        } else {
            add(kind, ordinal, 1);
            runs++;
        }
        if (kind == PageKind.DATA) {
            int count = Math.toIntExact(pageCount(runs - 1));
            data[runs - 1] = copies.run(page - count + 1, count);
        }
        lastPage = page;
        pages++;
    }

    @Override
    public MemorySegment data(int run) {
        return data[run];
    }

    @Override
    public long dataBytes() {
        return (long) dataPages() * MemoryArena.PAGE_BYTES;
    }

    @Override
    public void release() {
        // The copies are given back all at once.
    }
}
