package dev.stillframe.engine.image;

import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.PageHash;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * The open files of an image that is being written, once its layout is known. Owned by one thread.
 */
final class ImageContents implements AutoCloseable {
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
        try {
            long size = Math.multiplyExact(pageCount, (long) layout.pageSizeBytes());
            Path file = directory.resolve(ImageFormat.PAGES);
            return new ImageContents(
                    layout, index, PageFile.create(file, size, layout.pageSizeBytes()));
        } catch (IOException | RuntimeException e) {
            index.close();
            throw e;
        }
    }

    /** Opens what {@link #create} made for the same layout, and maybe {@link #complete}d. */
    static ImageContents reopen(Path directory, Layout layout) throws IOException {
        Files.deleteIfExists(directory.resolve(ImageFormat.MANIFEST));
        IndexFile index =
                IndexFile.reopen(directory.resolve(ImageFormat.INDEX), layout.pageCount());
        try {
            long size = Math.multiplyExact(layout.pageCount(), (long) layout.pageSizeBytes());
            Path file = directory.resolve(ImageFormat.PAGES);
            return new ImageContents(
                    layout, index, PageFile.reopen(file, size, layout.pageSizeBytes()));
        } catch (IOException | RuntimeException e) {
            index.close();
            throw e;
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
        byte[] text = manifest.encode();
        if (text.length > ImageFormat.MAX_MANIFEST_BYTES) {
            throw new ImageFormatException(
                    "a manifest of %d bytes; the most allowed is %d"
                            .formatted(text.length, ImageFormat.MAX_MANIFEST_BYTES));
        }
        index.seal(
                new IndexHeader(layout.pageSizeBytes(), layout.pageCount(), Manifest.digest(text)));
        Path file = directory.resolve(ImageFormat.MANIFEST);
        Set<StandardOpenOption> options =
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try (FileChannel channel = FileChannel.open(file, options, ImageFormat.privateFile())) {
            ByteBuffer out = ByteBuffer.wrap(text);
            while (out.hasRemaining()) {
                channel.write(out);
            }
            channel.force(true);
        } catch (IOException e) {
            throw WriteFailure.of(file, 0, text.length, e);
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
