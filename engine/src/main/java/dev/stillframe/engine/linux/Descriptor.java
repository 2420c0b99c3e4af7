package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.stillframe.engine.memory.MemoryFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * An open file of this process, close-on-exec. Thread-safe but for {@link #close()}, which its
 * owner calls last.
 */
public final class Descriptor implements MemoryFile {
    private static final int AT_FDCWD = -100;
    private static final int O_WRONLY = 1;
    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int FALLOC_FL_KEEP_SIZE_PUNCH_HOLE = 3;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private final String name;
    private int number;

    Descriptor(String name, int number) {
        this.name = name;
        this.number = number;
    }

    /** open(2) for reading. */
    public static Descriptor openRead(String path) throws ErrnoException {
        return open(path, 0);
    }

    /** open(2) for reading and writing. */
    public static Descriptor openReadWrite(String path) throws ErrnoException {
        return open(path, O_RDWR);
    }

    /**
     * What one read(2) of a small file gives, up to 512 bytes; for files of {@code /proc} that are
     * read by the thousand.
     */
    public static byte[] readStart(String path) throws ErrnoException {
        try (Descriptor file = openRead(path)) {
            MemorySegment scratch = Kernel.scratch();
            long count =
                    Kernel.check(
                            file.read(scratch.address(), scratch.byteSize(), 0), "read(%s)", path);
            return scratch.asSlice(0, count).toArray(JAVA_BYTE);
        }
    }

    private static Descriptor open(String path, int flags) throws ErrnoException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom(path);
            long fd = Kernel.call(Syscall.OPENAT, AT_FDCWD, text.address(), flags | O_CLOEXEC);
            return new Descriptor(path, (int) Kernel.check(fd, "open(%s)", path));
        }
    }

    @Override
    public State state() throws IOException {
        BasicFileAttributes now =
                Files.readAttributes(
                        Path.of("/proc/self/fd/" + number()), BasicFileAttributes.class);
        return new State(now.size(), now.lastModifiedTime().toInstant());
    }

    /** The same file, opened once more for writing alone: proc(5), {@code /proc/PID/fd}. */
    Descriptor writing() throws ErrnoException {
        return open("/proc/self/fd/" + number(), O_WRONLY);
    }

    /**
     * Makes a hole of {@code bytes} at {@code offset}, also for whoever has it mapped:
     * fallocate(2).
     */
    public void punch(long offset, long bytes) throws ErrnoException {
        Kernel.check(
                Kernel.call(
                        Syscall.FALLOCATE,
                        number(),
                        FALLOC_FL_KEEP_SIZE_PUNCH_HOLE,
                        offset,
                        bytes,
                        0,
                        0),
                "fallocate(%s, PUNCH_HOLE, %d, %d)",
                name,
                offset,
                bytes);
    }

    int number() {
        if (number < 0) {
            throw new IllegalStateException(name + " is closed");
        }
        return number;
    }

    /**
     * pread(2) of up to {@code length} bytes to {@code address} of this process. Never allocates
     * pages of a sparse file, unlike touching a mapping of it.
     *
     * @return bytes read, fewer at the end of the file; or a negative errno
     */
    @Override
    public long read(long address, long length, long offset) {
        return Kernel.call(Syscall.PREAD64, number(), address, length, offset, 0, 0);
    }

    /**
     * The next offset at or after {@code offset} that holds data, lseek(2) {@code SEEK_DATA}; -1 if
     * there is none. Files that do not know holes answer {@code offset} itself.
     */
    @Override
    public long nextData(long offset) throws ErrnoException {
        return seek(offset, SEEK_DATA);
    }

    /**
     * The next offset at or after {@code offset} that holds no data, {@code SEEK_HOLE}; -1 past the
     * end.
     */
    @Override
    public long nextHole(long offset) throws ErrnoException {
        return seek(offset, SEEK_HOLE);
    }

    private long seek(long offset, int whence) throws ErrnoException {
        long found = Kernel.call(Syscall.LSEEK, number(), offset, whence);
        if (Kernel.is(found, Errno.ENXIO)) {
            return -1;
        }
        return Kernel.check(found, "lseek(%s, %d, %d)", name, offset, whence);
    }

    /**
     * Closes what is open, but keeps the number: it leads to nothing then. Other threads may be
     * using it; without the number theirs could lead to a file that was opened meanwhile. Source:
     * dup3(2).
     */
    void replace() throws ErrnoException {
        try (Descriptor nothing = openRead("/dev/null")) {
            long result = Kernel.call(Syscall.DUP3, nothing.number(), number(), O_CLOEXEC);
            Kernel.check(result, "dup3(/dev/null, %s)", name);
        }
    }

    @Override
    public void close() {
        if (number >= 0) {
            // EINTR and EIO leave the descriptor closed on Linux: close(2), "Dealing with error
            // returns".
            Kernel.call(Syscall.CLOSE, number, 0, 0);
            number = -1;
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
