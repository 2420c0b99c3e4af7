package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;

/**
 * Makes an image that stands alone out of one that shares pages with its parents. Its root hash is
 * the same, as that is of what the pages hold. Stateless.
 */
public final class ImageMerge {
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
            ImageBatch pages = new ImageBatch(arena, pageSize, () -> {});
            writer.begin(image.layout());
            long total = image.layout().pageCount() * pageSize;
            for (Region region : image.layout().regions()) {
                for (Extent extent : region.extents()) {
                    for (long at = extent.firstOrdinal();
                            at < extent.endOrdinal();
                            at += pages.room()) {
                        pages.fill(image, at, Math.min(pages.room(), extent.endOrdinal() - at));
                        writer.accept(pages);
                        progress.at(at * pageSize, total);
                    }
                }
            }
            writer.finish(new Ending(image.missing(), image.rootHash()));
        }
    }
}
