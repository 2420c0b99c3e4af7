package dev.stillframe.engine.linux;

import io.micrometer.core.instrument.Clock;
import java.lang.foreign.MemorySegment;

/** Anonymous memory of this process, page-aligned. Owned by its creator. */
public final class NativeMemory implements AutoCloseable {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_NOHUGEPAGE = 15;
    private static final int MADV_DONTFORK = 10;
    private static final int MADV_POPULATE_WRITE = 23; // Linux 5.14

    /** How much is touched between two looks at the clock. */
    private static final long STEP_BYTES = 32L << 20;

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
                                Syscall.MMAP,
                                0,
                                bytes,
                                PROT_READ_WRITE,
                                MAP_PRIVATE_ANONYMOUS_NORESERVE,
                                -1,
                                0),
                        "mmap(%d bytes)",
                        bytes);
        Kernel.call(Syscall.MADVISE, address, bytes, MADV_DONTFORK);
        return new NativeMemory(MemorySegment.ofAddress(address).reinterpret(bytes));
    }

    /** All of it. Must not be used after {@link #close()}. */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * Makes all of it resident now (madvise(2), {@code MADV_POPULATE_WRITE}), so that the first use
     * does not pay for it; in huge pages or in small ones, whichever come faster at the moment.
     * That is huge ones on most machines, but not where the kernel reports free memory to a
     * hypervisor, which takes it away: it reports large pieces only (mm/page_reporting.c), so huge
     * pages come from the host, at 2 ms each, and small ones from what is still here.
     *
     * @param clock tells which come faster
     */
    public void touch(Clock clock) throws ErrnoException {
        long hugeNanos = 0;
        long smallNanos = 0;
        for (long offset = 0; offset < segment.byteSize(); offset += STEP_BYTES) {
            long bytes = Math.min(STEP_BYTES, segment.byteSize() - offset);
            boolean huge = hugeNanos <= smallNanos;
            long from = clock.monotonicTime();
            touch(segment.address() + offset, bytes, huge);
            long took = clock.monotonicTime() - from;
            hugeNanos = huge ? took : hugeNanos;
            smallNanos = huge ? smallNanos : took;
        }
    }

    private static void touch(long address, long bytes, boolean huge) throws ErrnoException {
        // Advice: where there are no huge pages, all are small.
        Kernel.call(Syscall.MADVISE, address, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
        Kernel.check(
                Kernel.call(Syscall.MADVISE, address, bytes, MADV_POPULATE_WRITE),
                "madvise(%d bytes, MADV_POPULATE_WRITE)",
                bytes);
    }

    /**
     * Copies {@code bytes} to {@code address} of this process, where the caller knows that there is
     * room for them.
     */
    @SuppressWarnings("restricted") // the segment lives for this call
    public static void put(long address, byte[] bytes) {
        MemorySegment.ofAddress(address)
                .reinterpret(bytes.length)
                .copyFrom(MemorySegment.ofArray(bytes));
    }

    @Override
    public void close() {
        Kernel.call(Syscall.MUNMAP, segment.address(), segment.byteSize(), 0);
    }
}
