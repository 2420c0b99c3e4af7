package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file that an export makes: with holes where the memory is zero, mode 0600, under a temporary
 * name beside the final one until {@link #commit}. Closed without that, it is deleted. Owned by one
 * thread.
 */
final class SparseOutput implements AutoCloseable {
    private static final int STEP_BYTES = 1 << 20;

    private final Path file;
    private final Path temporary;
    private final boolean overwrite;
    private final FileChannel channel;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment step = arena.allocate(STEP_BYTES, 4096);

    private SparseOutput(Path file, Path temporary, boolean overwrite, FileChannel channel) {
        this.file = file;
        this.temporary = temporary;
        this.overwrite = overwrite;
        this.channel = channel;
    }

    /**
     * Begins a file of {@code sizeBytes} zeros.
     *
     * @param overwrite whether an existing regular file is replaced; nothing else ever is
     */
    static SparseOutput create(Path file, long sizeBytes, boolean overwrite) throws IOException {
        Path target = file.toAbsolutePath();
        refuseExisting(target, overwrite);
        String digits = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
        Path temporary = target.resolveSibling(target.getFileName() + ImageFormat.PARTIAL + digits);
        FileChannel channel =
                FileChannel.open(
                        temporary,
                        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                        ImageFormat.privateFile());
        SparseOutput output = new SparseOutput(target, temporary, overwrite, channel);
        try (RandomAccessFile sized = new RandomAccessFile(temporary.toFile(), "rw")) {
            sized.setLength(sizeBytes);
            return output;
        } catch (IOException e) {
            output.close();
            throw new IOException(
                    ("cannot make %s %d bytes long: %s; the file system or a limit (ulimit -f) "
                                    + "is too small for it")
                            .formatted(file, sizeBytes, e.getMessage()),
                    e);
        }
    }

    void write(long offsetBytes, ByteBuffer bytes) throws IOException {
        long size = bytes.remaining();
        long at = offsetBytes;
        try {
            while (bytes.hasRemaining()) {
                at += channel.write(bytes, at);
            }
        } catch (IOException e) {
            throw WriteFailure.of(temporary, offsetBytes, size, e);
        }
    }

    /** Writes memory of an image; zeros, and what the image does not have, stay holes. */
    void copy(ImageReader reader, AddressRange range, long offsetBytes) throws IOException {
        reader.walk(
                range,
                stretch -> {
                    switch (stretch) {
                        case Stretch.Zero _, Stretch.Unavailable _ -> {}
                        case Stretch.Stored(var part) ->
                                copyBytes(reader, part, offsetBytes + part.start() - range.start());
                        case Stretch.FileBacked(var part, _, _) ->
                                copyBytes(reader, part, offsetBytes + part.start() - range.start());
                    }
                });
    }

    /** Gives the file its name; {@code force} first. */
    void commit() throws IOException {
        channel.force(true);
        refuseExisting(file, overwrite);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void close() throws IOException {
        arena.close();
        channel.close();
        Files.deleteIfExists(temporary);
    }

    private void copyBytes(ImageReader reader, AddressRange range, long offsetBytes)
            throws IOException {
        for (long address = range.start(); address < range.end(); address += STEP_BYTES) {
            AddressRange part =
                    new AddressRange(address, Math.min(address + STEP_BYTES, range.end()));
            MemorySegment bytes = step.asSlice(0, part.sizeBytes());
            reader.read(part, bytes);
            write(offsetBytes + address - range.start(), bytes.asByteBuffer());
        }
    }

    private static void refuseExisting(Path file, boolean overwrite) throws IOException {
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)
                && !(overwrite && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))) {
            throw new IOException(
                    overwrite
                            ? file + " exists and is no regular file: choose another name"
                            : file + " exists already: choose another name or allow overwriting");
        }
    }
}
