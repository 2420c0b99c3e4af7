package dev.stillframe.engine.arena;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.Verification;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Puts an image into an arena: all of it is read and checked before the first byte is changed.
 * Stateless.
 */
public final class ArenaRestore {
    private ArenaRestore() {}

    /**
     * Does it; the caller sees to it that no snapshot is taken meanwhile.
     *
     * @param places directories with the image's parents, beside its own
     * @throws IOException if it or a parent is damaged, missing or incomplete, or it is not of such
     *     an arena; the arena is unchanged
     */
    public static void run(MemoryArena arena, Path image, List<Path> places) throws IOException {
        Verification verification =
                ImageVerifier.verify(image, places, ImageVerifier.Progress.NONE);
        if (!verification.intact()) {
            throw new ImageFormatException(
                    "%s is damaged, %d times; the first: %s"
                            .formatted(
                                    image,
                                    verification.damageCount(),
                                    verification.damages().getFirst()));
        }
        try (Arena scratch = Arena.ofConfined();
                ImageReader reader = ImageReader.open(image, places)) {
            fitting(arena, reader);
            MemorySegment content = scratch.allocate(arena.sizeBytes(), MemoryArena.PAGE_BYTES);
            List<Missing> missing = reader.read(new AddressRange(0, arena.sizeBytes()), content);
            if (!missing.isEmpty()) {
                throw new ImageFormatException(
                        "%s is not complete: %s".formatted(image, missing.getFirst()));
            }
            put(arena, content);
        }
    }

    private static void fitting(MemoryArena arena, ImageReader reader) throws ImageFormatException {
        Layout layout = reader.layout();
        if (layout.pageSizeBytes() != MemoryArena.PAGE_BYTES) {
            throw new ImageFormatException(
                    "%s has pages of %d bytes, %s of %d"
                            .formatted(
                                    reader.image(),
                                    layout.pageSizeBytes(),
                                    arena,
                                    MemoryArena.PAGE_BYTES));
        }
        List<Region> regions = layout.regions();
        if (regions.size() != 1 || regions.getFirst().range().start() != 0) {
            throw new ImageFormatException(
                    "%s is not the image of an arena".formatted(reader.image()));
        }
        AddressRange range = regions.getFirst().range();
        if (range.sizeBytes() != arena.sizeBytes()) {
            throw new ImageFormatException(
                    "%s is of an arena of %d bytes, %s has %d"
                            .formatted(
                                    reader.image(), range.sizeBytes(), arena, arena.sizeBytes()));
        }
    }

    /** Only pages that differ, so that the others do not count as written. */
    private static void put(MemoryArena arena, MemorySegment content) {
        MemorySegment now = arena.reading();
        for (long at = 0; at < content.byteSize(); at += MemoryArena.PAGE_BYTES) {
            MemorySegment page = content.asSlice(at, MemoryArena.PAGE_BYTES);
            if (page.mismatch(now.asSlice(at, MemoryArena.PAGE_BYTES)) >= 0) {
                arena.put(at, page);
            }
        }
    }
}
