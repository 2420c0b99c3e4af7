package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
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

    Layout layout;
    PageLocator locator;
    IndexFile index;
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
        IndexFile index =
                IndexFile.create(
                        directory.resolve(ImageFormat.INDEX),
                        checkedOrdinals(layout),
                        layout.pageSizeBytes());
        return opened(directory, layout, index, PageFile::create);
    }

    private static long checkedOrdinals(Layout layout) throws ImageFormatException {
        long count = layout.ordinalCount();
        if (count > ImageFormat.MAX_PAGE_COUNT) {
            throw new ImageFormatException(
                    "a layout of %d pages; an image has at most %d"
                            .formatted(count, ImageFormat.MAX_PAGE_COUNT));
        }
        return count;
    }

    /**
     * Opens what {@link #create} made for the same layout or one that this one amends, and maybe
     * {@link #complete}d.
     */
    static ImageContents reopen(Path directory, Layout layout) throws IOException {
        Files.deleteIfExists(directory.resolve(ImageFormat.MANIFEST));
        IndexFile index =
                IndexFile.reopen(directory.resolve(ImageFormat.INDEX), checkedOrdinals(layout));
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
            long size = Math.multiplyExact(layout.ordinalCount(), (long) layout.pageSizeBytes());
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

    /** Takes over a layout that amends the one before; the files have room for it afterwards. */
    void amend(Layout next) throws IOException {
        if (next.pageSizeBytes() != layout.pageSizeBytes()) {
            throw new ImageFormatException(
                    "a layout of pages of %d bytes cannot amend one of %d"
                            .formatted(next.pageSizeBytes(), layout.pageSizeBytes()));
        }
        PageLocator located = new PageLocator(next);
        checkPlaces(next, located);
        long ordinals = checkedOrdinals(next);
        if (ordinals > index.ordinalCount()) {
            index = index.grown(ordinals);
            pages.lengthen(Math.multiplyExact(ordinals, (long) next.pageSizeBytes()));
        }
        layout = next;
        locator = located;
    }

    private void checkPlaces(Layout next, PageLocator located) throws ImageFormatException {
        for (Region region : next.regions()) {
            for (Extent extent : region.extents()) {
                long end = extent.endOrdinal();
                for (long ordinal = extent.firstOrdinal(); ordinal < end; ) {
                    long known = locator.firstAtOrBehind(ordinal);
                    if (known >= end) {
                        break;
                    }
                    long same = Math.min(locator.endOfExtent(known), end);
                    if (locator.address(known) != located.address(known)) {
                        throw new ImageFormatException(
                                "the ordinal %d means the page at %x, and cannot mean that at %x later"
                                        .formatted(
                                                known,
                                                locator.address(known),
                                                located.address(known)));
                    }
                    ordinal = same;
                }
            }
        }
    }

    /** Takes out what no page of the layout is: pages that have gone between two rounds. */
    private void clearGaps() throws IOException {
        long ordinal = 0;
        long end = index.ordinalCount();
        while (ordinal < end) {
            long next = Math.min(locator.firstAtOrBehind(ordinal), end);
            if (next > ordinal) {
                index.forget(ordinal, next - ordinal);
                pages.clear(
                        ordinal * layout.pageSizeBytes(),
                        (next - ordinal) * layout.pageSizeBytes());
            }
            ordinal = next < end ? locator.endOfExtent(next) : end;
        }
    }

    /** Forces everything that was written so far to the disk. */
    void force() throws IOException {
        pages.force();
        index.force();
    }

    /** Writes what is left and forces all files to the disk. */
    void complete(Path directory, Manifest manifest) throws IOException {
        clearGaps();
        pages.truncate(layout.ordinalCount() * layout.pageSizeBytes());
        pages.force();
        index.seal(
                new IndexHeader(layout.pageSizeBytes(), layout.ordinalCount(), manifest.digest()));
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
        try (IndexFile _ = index;
                pages;
                gather) {
            arena.close();
        }
    }
}
