package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;

/**
 * Passes a whole image of an arena on to a sink and keeps the hashes of its pages. Owned by one
 * thread.
 */
final class RecordingSink extends ForwardingSink {
    private final PageContents contents;
    private int[] pages = new int[0];

    /** Keeps them in {@code contents}, which has zeros in it. */
    RecordingSink(PageSink sink, PageContents contents) {
        super(sink);
        this.contents = contents;
    }

    @Override
    public void begin(Layout layout) throws IOException {
        pages = new int[Math.toIntExact(layout.pageCount())];
        int ordinal = 0;
        for (Extent extent :
                layout.regions()
                        .getFirst()
                        .extents()) { // an arena is one region, from address 0 on
            for (long page = extent.firstPage();
                    page < extent.firstPage() + extent.pageCount();
                    page++) {
                pages[ordinal++] = Math.toIntExact(page);
            }
        }
        super.begin(layout);
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                int first = Math.toIntExact(batch.firstOrdinal(run));
                for (int i = 0; i < batch.pageCount(run); i++) {
                    contents.setHash(
                            pages[first + i], batch.hashes(run), (long) i * PageHash.BYTES);
                }
            }
        }
        super.accept(batch);
    }

    @Override
    public String finish(Ending ending) throws IOException {
        if (!ending.missing().isEmpty()) {
            throw new IOException(
                    "an image of an arena is complete or useless; missing: "
                            + ending.missing().getFirst());
        }
        return super.finish(ending);
    }
}
