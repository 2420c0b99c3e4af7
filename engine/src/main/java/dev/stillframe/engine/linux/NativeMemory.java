package dev.stillframe.engine.linux;

import java.lang.foreign.MemorySegment;

/** Anonymous memory of this process, page-aligned, in huge pages where the kernel has them. Owned by its creator. */
public final class NativeMemory implements AutoCloseable {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_DONTFORK = 10;
    private static final int MADV_POPULATE_WRITE = 23; // Linux 5.14

    private final MemorySegment segment;

    private NativeMemory(MemorySegment segment) {
        this.segment = segment;
    }

    /**
     * mmap(2) of {@code bytes} of untouched memory.
     *
     * @param bytes a multiple of the page size
     */
    @SuppressWarnings("restricted") // the segment ends with this object
    public static NativeMemory map(long bytes) throws ErrnoException {
        long address =
                Kernel.check(
                        Kernel.call(
                                Syscall.MMAP, 0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0),
                        "mmap(%d bytes)",
                        bytes);
        // Advice: without huge pages touching is slower, nothing else.
        Kernel.call(Syscall.MADVISE, address, bytes, MADV_HUGEPAGE);
        Kernel.call(Syscall.MADVISE, address, bytes, MADV_DONTFORK);
        return new NativeMemory(MemorySegment.ofAddress(address).reinterpret(bytes));
    }

    /** All of it. Must not be used after {@link #close()}. */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * Makes {@code bytes} from {@code offset} resident now (madvise(2), {@code MADV_POPULATE_WRITE}), so that the
     * first use does not pay for it.
     */
    public void touch(long offset, long bytes) throws ErrnoException {
        Kernel.check(
                Kernel.call(Syscall.MADVISE, segment.address() + offset, bytes, MADV_POPULATE_WRITE),
                "madvise(%d bytes, MADV_POPULATE_WRITE)",
                bytes);
    }

    /** Copies {@code bytes} to {@code address} of this process, where the caller knows that there is room for them. */
    @SuppressWarnings("restricted") // the segment lives for this call
    public static void put(long address, byte[] bytes) {
        MemorySegment.ofAddress(address).reinterpret(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    }

    @Override
    public void close() {
        Kernel.call(Syscall.MUNMAP, segment.address(), segment.byteSize(), 0);
    }
}
