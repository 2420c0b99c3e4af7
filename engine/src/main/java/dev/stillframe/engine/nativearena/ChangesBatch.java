package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.lang.foreign.MemorySegment;

/**
 * Pages as they lie in {@link CopiedPages}, which outlive the sink, and pages that the parent has:
 * nothing is copied, and nothing is to be released.
 */
final class ChangesBatch extends RunBatch {
    private final MemorySegment[] data = new MemorySegment[CopiedPages.CHUNK_PAGES];
    private final CopiedPages copies;
    private int pagesApart;
    private int lastPage;

    /** An empty one. */
    ChangesBatch(CopiedPages copies) {
        super(CopiedPages.CHUNK_PAGES, copies.hashTable());
        this.copies = copies;
    }

    /** Whether there may be no room for another page; zeros behind zeros take none. */
    boolean isFull() {
        return pagesApart == CopiedPages.CHUNK_PAGES;
    }

    /** Adds a page of which there is a copy; {@code contents} has its hash. */
    void addCopied(int page, PageContents contents) {
        PageKind kind = contents.isZero(page) ? PageKind.ZERO : PageKind.DATA;
        add(page, kind, contents, kind == PageKind.ZERO || copies.isFollowed(lastPage));
        if (kind == PageKind.DATA) {
            int count = Math.toIntExact(pageCount(runCount() - 1));
            data[runCount() - 1] = copies.run(page - count + 1, count);
        }
    }

    /** Adds a page that is as the parent has it; {@code contents} has its hash. */
    void addUnchanged(int page, PageContents contents) {
        add(page, contents.isZero(page) ? PageKind.ZERO : PageKind.IN_PARENT, contents, true);
    }

    private void add(int page, PageKind kind, PageContents contents, boolean joins) {
        int last = runCount() - 1;
        boolean follows = last >= 0 && lastPage + 1 == page && kind(last) == kind && joins;
        if (kind.hasHash()) {
            contents.copyHash(page, hashTable(), (long) hashCount() * PageHash.BYTES);
        }
        if (follows) {
            lengthen(1);
        } else {
            add(kind, page, 1);
        }
        if (!follows || kind.hasHash()) {
            pagesApart++;
        }
        lastPage = page;
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
