package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.transport.reader.RemoteImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where the memory of a machine is read from, page by page. */
@FunctionalInterface
interface MemoryContents {
    /** Size of the pages that are visited. */
    int PAGE_BYTES = 4096;

    /** Visits every page of a block, in order. */
    void visit(AddressRange block, Visitor visitor) throws IOException;

    /** Hears of one page. */
    @FunctionalInterface
    interface Visitor {
        /** {@code content} is used again for the next page; null for a page of zeros. */
        void page(long address, byte @Nullable [] content) throws IOException;
    }

    /** Those of an image on this host. */
    static MemoryContents of(ImageReader image) {
        return (block, visitor) -> {
            byte[] content = new byte[PAGE_BYTES];
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment page = arena.allocate(PAGE_BYTES, PAGE_BYTES);
                for (long at = block.start(); at < block.end(); at += PAGE_BYTES) {
                    if (image.kindAt(at) == PageKind.ZERO) {
                        visitor.page(at, null);
                        continue;
                    }
                    List<Missing> missing = image.read(new AddressRange(at, at + PAGE_BYTES), page);
                    if (!missing.isEmpty()) {
                        throw new ImageFormatException(
                                "memory of the machine is not in %s: %s"
                                        .formatted(image.image(), missing.getFirst()));
                    }
                    MemorySegment.copy(page, ValueLayout.JAVA_BYTE, 0, content, 0, PAGE_BYTES);
                    visitor.page(at, content);
                }
            }
        };
    }

    /** Those of an image on another host. */
    static MemoryContents of(RemoteImage image) {
        return (block, visitor) -> {
            int most = (2 << 20) / PAGE_BYTES;
            long ordinal = firstOrdinal(image.layout(), block);
            byte[] zeros = new byte[PAGE_BYTES];
            for (long at = block.start(); at < block.end(); ) {
                int count = (int) Math.min(most, (block.end() - at) / PAGE_BYTES);
                byte[] bytes = image.read(ordinal, count);
                for (int page = 0; page < count; page++, at += PAGE_BYTES) {
                    byte[] content =
                            Arrays.copyOfRange(bytes, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
                    visitor.page(at, Arrays.equals(content, zeros) ? null : content);
                }
                ordinal += count;
            }
        };
    }

    /**
     * The ordinal of a block's first page; all its pages are numbered from there on.
     *
     * @throws ImageFormatException if the image does not have the block in one piece
     */
    static long firstOrdinal(Layout layout, AddressRange block) throws ImageFormatException {
        for (Region region : layout.regions()) {
            for (Extent extent : region.extents()) {
                long start = region.range().start() + extent.firstPage() * layout.pageSizeBytes();
                long end = start + extent.pageCount() * layout.pageSizeBytes();
                if (block.start() >= start
                        && block.end() <= end
                        && layout.pageSizeBytes() == PAGE_BYTES) {
                    return extent.firstOrdinal() + (block.start() - start) / PAGE_BYTES;
                }
            }
        }
        throw new ImageFormatException(
                "the image does not have the machine's memory at %s in one piece".formatted(block));
    }
}
