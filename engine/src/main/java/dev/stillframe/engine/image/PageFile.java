package dev.stillframe.engine.image;

import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sparse file that holds the pages. With O_DIRECT where the file system has it, which is
 * several times as fast as a cold page cache and leaves the machine's cache to others; so all
 * memory must be page-aligned native memory, and all places and lengths multiples of the page size.
 * Owned by one thread.
 */
final class PageFile implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PageFile.class);

    /** Longest single transfer; a ByteBuffer ends at 2 GiB. */
    private static final long MAX_TRANSFER_BYTES = 1L << 30;

    /** Up to here the page cache is faster: the disk is asked for many such writes at once. */
    private static final long CACHED_BYTES = 64 << 10;

    private static final long ZEROS_BYTES = 1 << 20;

    private static final OpenOption DIRECT = directOption();

    private final Path file;
    private final FileChannel channel;

    /** Through the page cache: a small write to the disk itself takes as long as many. */
    private final @Nullable FileChannel cached;

    private PageFile(Path file, FileChannel channel, @Nullable FileChannel cached) {
        this.file = file;
        this.channel = channel;
        this.cached = cached;
    }

    /** Makes the file with its final length and no blocks. */
    static PageFile create(Path file, long sizeBytes, int pageSizeBytes) throws IOException {
        Files.createFile(file, ImageFormat.privateFile());
        resize(file, sizeBytes);
        return toWrite(file, pageSizeBytes);
    }

    private static PageFile toWrite(Path file, int pageSizeBytes) throws IOException {
        FileChannel cached = FileChannel.open(file, StandardOpenOption.WRITE);
        boolean done = false;
        try {
            PageFile pages =
                    new PageFile(file, open(file, pageSizeBytes, StandardOpenOption.WRITE), cached);
            done = true;
            return pages;
        } finally {
            if (!done) {
                cached.close();
            }
        }
    }

    /** Opens a file that {@link #create} made before; it has at least that length afterwards. */
    static PageFile reopen(Path file, long sizeBytes, int pageSizeBytes) throws IOException {
        PageFile pages = toWrite(file, pageSizeBytes);
        boolean done = false;
        try {
            pages.lengthen(sizeBytes);
            done = true;
            return pages;
        } finally {
            if (!done) {
                pages.close();
            }
        }
    }

    private static void resize(Path file, long sizeBytes) throws IOException {
        try (RandomAccessFile sized = new RandomAccessFile(file.toFile(), "rw")) {
            sized.setLength(sizeBytes);
        } catch (IOException e) {
            throw new IOException(
                    ("cannot make %s %d bytes long: %s; the file system or a limit (ulimit -f) "
                                    + "is too small for it")
                            .formatted(file, sizeBytes, e.getMessage()),
                    e);
        }
    }

    /** Makes room for more pages; what is there stays. */
    void lengthen(long sizeBytes) throws IOException {
        if (Files.size(file) < sizeBytes) {
            resize(file, sizeBytes);
        }
    }

    /** Cuts off what is behind the last page. */
    void truncate(long sizeBytes) throws IOException {
        if (Files.size(file) > sizeBytes) {
            resize(file, sizeBytes);
        }
    }

    /**
     * Nothing is stored there any more: it reads as zeros. They are written, because Java cannot
     * make a hole in a file.
     */
    void clear(long offsetBytes, long sizeBytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros =
                    arena.allocate(Math.min(sizeBytes, ZEROS_BYTES), ImageFormat.MAX_PAGE_BYTES);
            for (long at = 0; at < sizeBytes; at += zeros.byteSize()) {
                long size = Math.min(zeros.byteSize(), sizeBytes - at);
                write(offsetBytes + at, List.of(zeros.asSlice(0, size).asByteBuffer()));
            }
        }
    }

    static PageFile openToRead(Path file, int pageSizeBytes) throws IOException {
        return new PageFile(file, open(file, pageSizeBytes, StandardOpenOption.READ), null);
    }

    private static FileChannel open(Path file, int pageSizeBytes, OpenOption access)
            throws IOException {
        try {
            if (pageSizeBytes % Files.getFileStore(file).getBlockSize() == 0) {
                return FileChannel.open(file, Set.of(access, DIRECT));
            }
        } catch (IOException | UnsupportedOperationException e) {
            LOG.debug("no O_DIRECT for {}, using the page cache", file, e);
        }
        return FileChannel.open(file, access);
    }

    /** Found by name, because javac warns of its package in a way that nothing can suppress. */
    private static OpenOption directOption() {
        try {
            return (OpenOption)
                    Class.forName("com.sun.nio.file.ExtendedOpenOption")
                            .getField("DIRECT")
                            .get(null);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(
                    "the module jdk.unsupported has no ExtendedOpenOption.DIRECT", e);
        }
    }

    /** Writes the pieces one behind the other in as few system calls as the machine allows. */
    void write(long offsetBytes, List<ByteBuffer> pieces) throws IOException {
        ByteBuffer[] buffers = pieces.toArray(ByteBuffer[]::new);
        long remaining = 0;
        for (ByteBuffer buffer : buffers) {
            remaining += buffer.remaining();
        }
        long size = remaining;
        FileChannel to = cached != null && size <= CACHED_BYTES ? cached : channel;
        try {
            to.position(offsetBytes);
            int first = 0;
            while (remaining > 0) {
                remaining -= to.write(buffers, first, buffers.length - first);
                while (first < buffers.length && !buffers[first].hasRemaining()) {
                    first++;
                }
            }
        } catch (IOException e) {
            throw WriteFailure.of(file, offsetBytes, size, e);
        }
    }

    /** Fills all of {@code into}. */
    void read(long offsetBytes, MemorySegment into) throws IOException {
        long done = 0;
        while (done < into.byteSize()) {
            long step = Math.min(into.byteSize() - done, MAX_TRANSFER_BYTES);
            int got = channel.read(into.asSlice(done, step).asByteBuffer(), offsetBytes + done);
            if (got <= 0) {
                throw new EOFException(file + " ends before " + (offsetBytes + done + step));
            }
            done += got;
        }
    }

    /** Returns when all that was written is on the disk. */
    void force() throws IOException {
        channel.force(true);
    }

    @Override
    public void close() throws IOException {
        try (cached) {
            channel.close();
        }
    }

    /** Cuts memory into buffers that can be written. */
    static void addBuffers(MemorySegment memory, List<ByteBuffer> into) {
        for (long at = 0; at < memory.byteSize(); at += MAX_TRANSFER_BYTES) {
            into.add(
                    memory.asSlice(at, Math.min(MAX_TRANSFER_BYTES, memory.byteSize() - at))
                            .asByteBuffer());
        }
    }
}
