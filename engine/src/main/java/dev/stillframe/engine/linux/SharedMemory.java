package dev.stillframe.engine.linux;

import dev.stillframe.engine.memory.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory of a memfd (memfd_create(2)), mapped shared into this process, once. Thread-safe but for
 * {@link #close}. Owned by its creator.
 */
public final class SharedMemory implements AutoCloseable {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final int MFD_CLOEXEC = 1;
    private static final int MADV_DONTFORK = 10;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final Descriptor memfd;

    private SharedMemory(long address, long bytes, Descriptor memfd) {
        segment = mapped(address, bytes, arena);
        this.memfd = memfd;
    }

    @SuppressWarnings("restricted") // the segment ends with this object, and is unmapped then
    private static MemorySegment mapped(long address, long bytes, Arena arena) {
        return MemorySegment.ofAddress(address)
                .reinterpret(
                        bytes,
                        arena,
                        segment -> Kernel.call(Syscall.MUNMAP, segment.address(), bytes, 0));
    }

    /**
     * Creates and maps {@code bytes} of zeros, none of which is resident yet.
     *
     * @param name what {@code /proc/PID/maps} shows after {@code /memfd:}
     * @param bytes a multiple of the page size
     */
    public static SharedMemory create(String name, long bytes) throws ErrnoException {
        Descriptor memfd;
        try (Arena call = Arena.ofConfined()) {
            long fd =
                    Kernel.call(
                            Syscall.MEMFD_CREATE,
                            call.allocateFrom(name).address(),
                            MFD_CLOEXEC,
                            0);
            memfd =
                    new Descriptor(
                            "memfd " + name, (int) Kernel.check(fd, "memfd_create(%s)", name));
        }
        try {
            return new SharedMemory(map(memfd, bytes), bytes, memfd);
        } catch (ErrnoException e) {
            memfd.close();
            throw e;
        }
    }

    private static long map(Descriptor memfd, long bytes) throws ErrnoException {
        Kernel.check(
                Kernel.call(Syscall.FTRUNCATE, memfd.number(), bytes, 0), "ftruncate(%d)", bytes);
        long address =
                Kernel.check(
                        Kernel.call(
                                Syscall.MMAP,
                                0,
                                bytes,
                                PROT_READ_WRITE,
                                MAP_SHARED,
                                memfd.number(),
                                0),
                        "mmap(%d bytes of a memfd)",
                        bytes);
        Kernel.call(
                Syscall.MADVISE,
                address,
                bytes,
                MADV_DONTFORK); // a child's writes would not be noticed
        return address;
    }

    /** Where there is data: to touch a hole of {@link #segment} would fill it. Closed with this. */
    public MemoryFile file() {
        return memfd;
    }

    /** All of it; thread-safe as plain memory is. Using it after {@link #close} throws. */
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public void close() {
        arena.close();
        memfd.close();
    }
}
