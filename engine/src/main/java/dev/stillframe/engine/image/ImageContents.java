package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The open files of an image that is being written, once its layout is known. Owned by one thread.
 */
final class ImageContents implements AutoCloseable {
    private static final int BUFFER_BYTES = 64 << 10;

    final Layout layout;
    final PageLocator locator;
    final IndexFile index;
    final PageFile pages;
    final PageGather gather;
    final Arena arena = Arena.ofShared();
    final MemorySegment hash = arena.allocate(PageHash.BYTES);

    private ImageContents(Layout layout, IndexFile index, PageFile pages) {
        this.layout = layout;
        this.locator = new PageLocator(layout);
        this.index = index;
        this.pages = pages;
        this.gather = new PageGather(pages, layout.pageSizeBytes());
    }

    static ImageContents create(Path directory, Layout layout) throws IOException {
        long pageCount = layout.pageCount();
        if (pageCount > ImageFormat.MAX_PAGE_COUNT) {
            throw new ImageFormatException(
                    "a layout of %d pages; an image has at most %d"
                            .formatted(pageCount, ImageFormat.MAX_PAGE_COUNT));
        }
        IndexFile index =
                IndexFile.create(
                        directory.resolve(ImageFormat.INDEX), pageCount, layout.pageSizeBytes());
        return opened(directory, layout, index, PageFile::create);
    }

    /** Opens what {@link #create} made for the same layout, and maybe {@link #complete}d. */
    static ImageContents reopen(Path directory, Layout layout) throws IOException {
        Files.deleteIfExists(directory.resolve(ImageFormat.MANIFEST));
        IndexFile index =
                IndexFile.reopen(directory.resolve(ImageFormat.INDEX), layout.pageCount());
        return opened(directory, layout, index, PageFile::reopen);
    }

    /** How the file of the pages is opened. */
    @FunctionalInterface
    private interface Pages {
        PageFile open(Path file, long sizeBytes, int pageSizeBytes) throws IOException;
    }

    private static ImageContents opened(
            Path directory, Layout layout, IndexFile index, Pages opening) throws IOException {
        @Nullable PageFile pages = null;
        boolean done = false;
        try {
            long size = Math.multiplyExact(layout.pageCount(), (long) layout.pageSizeBytes());
            pages =
                    opening.open(
                            directory.resolve(ImageFormat.PAGES), size, layout.pageSizeBytes());
            ImageContents contents = new ImageContents(layout, index, pages);
            done = true;
            return contents;
        } finally {
            if (!done) {
                try (index) {
                    if (pages != null) {
                        pages.close();
                    }
                }
            }
        }
    }

    /** Forces everything that was written so far to the disk. */
    void force() throws IOException {
        pages.force();
        index.force();
    }

    /** Writes what is left and forces all files to the disk. */
    void complete(Path directory, Manifest manifest) throws IOException {
        pages.force();
        index.seal(new IndexHeader(layout.pageSizeBytes(), layout.pageCount(), manifest.digest()));
        Path file = directory.resolve(ImageFormat.MANIFEST);
        Set<StandardOpenOption> options =
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try (FileChannel channel = FileChannel.open(file, options, ImageFormat.privateFile())) {
            OutputStream out =
                    new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES);
            manifest.write(out);
            out.flush();
            channel.force(true);
        } catch (IOException e) {
            throw WriteFailure.of(file, 0, ImageFormat.MAX_MANIFEST_BYTES, e);
        }
    }

    @Override
    public void close() throws IOException {
        try (index;
                pages;
                gather) {
            arena.close();
        }
    }
}
