package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.page.Ending;
import dev.stillframe.engine.page.PageHash;
import dev.stillframe.engine.page.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Makes an image that stands alone out of one that shares pages with its parents. Its root hash is the same, as that is of
 * what the pages hold. Stateless.
 */
public final class ImageMerge {
    private static final int STEP_BYTES = 2 << 20;

    private ImageMerge() {}

    /** Told how far it is; returns at once and never throws. */
    @FunctionalInterface
    public interface Progress {
        /** Hears nothing. */
        Progress NONE = (done, total) -> {};

        /** Now {@code doneBytes} of {@code totalBytes} are copied. */
        void at(long doneBytes, long totalBytes);
    }

    /**
     * Copies {@code image} to {@code merged}, every page checked.
     *
     * @throws IOException if a page is damaged or a parent is not there; nothing is published then
     */
    public static void merge(ImageReader image, Path merged, Progress progress) throws IOException {
        int pageSize = image.layout().pageSizeBytes();
        try (Arena arena = Arena.ofShared();
                ImageWriter writer = ImageWriter.createVerifying(merged)) {
            Pages pages = new Pages(arena, pageSize);
            writer.begin(image.layout());
            long total = image.layout().pageCount() * pageSize;
            for (Region region : image.layout().regions()) {
                for (Extent extent : region.extents()) {
                    for (long at = extent.firstOrdinal(); at < extent.endOrdinal(); at += pages.room()) {
                        pages.fill(image, at, Math.min(pages.room(), extent.endOrdinal() - at));
                        writer.accept(pages);
                        progress.at(at * pageSize, total);
                    }
                }
            }
            writer.finish(new Ending(image.missing(), image.rootHash()));
        }
    }

    /** Some pages of the image, one run for each row of a kind. */
    private static final class Pages extends RunBatch {
        private final MemorySegment memory;
        private final int pageSizeBytes;
        private long firstOrdinal;

        Pages(Arena arena, int pageSizeBytes) {
            super(
                    STEP_BYTES / pageSizeBytes,
                    arena.allocate((long) STEP_BYTES / pageSizeBytes * PageHash.BYTES, Long.BYTES));
            this.memory = arena.allocate(STEP_BYTES, pageSizeBytes);
            this.pageSizeBytes = pageSizeBytes;
        }

        int room() {
            return STEP_BYTES / pageSizeBytes;
        }

        void fill(ImageReader image, long first, long count) throws IOException {
            clear();
            firstOrdinal = first;
            image.readPages(first, memory.asSlice(0, count * pageSizeBytes));
            PageKind last = PageKind.UNKNOWN;
            for (long ordinal = first; ordinal < first + count; ordinal++) {
                PageKind kind = image.kind(ordinal);
                if (kind == PageKind.DATA) {
                    MemorySegment hash = MemorySegment.ofArray(image.hash(ordinal));
                    MemorySegment.copy(hash, 0, hashTable(), (long) dataPages() * PageHash.BYTES, PageHash.BYTES);
                }
                if (kind == last) {
                    lengthen(1);
                } else {
                    add(kind, ordinal, 1);
                }
                last = kind;
            }
        }

        @Override
        public MemorySegment data(int run) {
            return memory.asSlice(
                    (firstOrdinal(run) - firstOrdinal) * pageSizeBytes, pageCount(run) * pageSizeBytes);
        }

        @Override
        public long dataBytes() {
            return (long) dataPages() * pageSizeBytes;
        }

        @Override
        public void release() {}
    }
}
