package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/**
 * A block of an image's memory as a file of its own, with holes for zeros; every page is checked on
 * the way. Stateless.
 */
final class RamCopy {
    private static final int PAGE_BYTES = 4096;
    private static final int STEP_BYTES = 2 << 20;

    private RamCopy() {}

    /**
     * Makes {@code file}, readable by its owner only.
     *
     * @throws IOException if it exists, or a page is damaged; the file is not there then
     */
    static void write(ImageReader image, MachineState.Block block, Path file) throws IOException {
        Set<StandardOpenOption> mode =
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        boolean done = false;
        try (FileChannel out =
                        FileChannel.open(
                                file,
                                mode,
                                PosixFilePermissions.asFileAttribute(
                                        PosixFilePermissions.fromString("rw-------")));
                Arena arena = Arena.ofConfined()) {
            try {
                copy(image, block.range(), out, arena.allocate(STEP_BYTES, PAGE_BYTES));
                done = true;
            } finally {
                if (!done) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    private static void copy(
            ImageReader image, AddressRange range, FileChannel out, MemorySegment step)
            throws IOException {
        for (long at = range.start(); at < range.end(); ) {
            long end = at;
            while (end < range.end()
                    && end - at < STEP_BYTES
                    && image.kindAt(end) != PageKind.ZERO) {
                end += PAGE_BYTES;
            }
            if (end > at) {
                MemorySegment pages = step.asSlice(0, end - at);
                List<Missing> missing = image.read(new AddressRange(at, end), pages);
                if (!missing.isEmpty()) {
                    throw new ImageFormatException(
                            "%s is not complete: %s".formatted(image.image(), missing.getFirst()));
                }
                ByteBuffer bytes = pages.asByteBuffer();
                while (bytes.hasRemaining()) {
                    out.write(bytes, at - range.start() + bytes.position());
                }
                at = end;
            } else {
                at += PAGE_BYTES;
            }
        }
        if (out.size() < range.sizeBytes()) {
            out.write(ByteBuffer.wrap(new byte[1]), range.sizeBytes() - 1);
        }
    }
}
