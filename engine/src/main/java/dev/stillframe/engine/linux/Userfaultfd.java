package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.stillframe.engine.memory.AddressRange;
import java.lang.foreign.MemorySegment;

/**
 * A userfaultfd(2) context, usually of another process: it acts on the memory of whoever created
 * it. Thread-safe; the hot calls ({@link #read}, {@link #protect}, {@link #unprotect}) allocate
 * nothing and answer a negative errno instead of throwing. Source: {@code
 * include/uapi/linux/userfaultfd.h} and ioctl_userfaultfd(2).
 *
 * <p>Closing the last descriptor of a context unregisters everything and lets every parked writer
 * go on.
 */
public final class Userfaultfd implements AutoCloseable {
    /** Bytes of one message. */
    public static final int MESSAGE_BYTES = 32;

    /** Flags for userfaultfd(2): close-on-exec and non-blocking; not user-mode-only. */
    public static final int OPEN_FLAGS = 0x80000 | 0x800;

    /**
     * UFFD_USER_MODE_ONLY as well: allowed to every process, whatever {@code
     * vm.unprivileged_userfaultfd} says. The kernel's own writes to protected memory then fail,
     * unless {@link Feature#WP_ASYNC} lets them through.
     */
    public static final int USER_MODE_ONLY_FLAGS = OPEN_FLAGS | 1;

    private static final long API = 0xAA;
    private static final long UFFDIO_API = 0xc018aa3fL;
    private static final long UFFDIO_REGISTER = 0xc020aa00L;
    private static final long UFFDIO_UNREGISTER = 0x8010aa01L;
    private static final long UFFDIO_WAKE = 0x8010aa02L;
    private static final long UFFDIO_COPY = 0xc028aa03L;
    private static final long UFFDIO_ZEROPAGE = 0xc020aa04L;
    private static final long UFFDIO_WRITEPROTECT = 0xc018aa06L;
    private static final long REGISTER_MODE_MISSING = 1;
    private static final long REGISTER_MODE_WP = 2;
    private static final long WRITEPROTECT_MODE_WP = 1;
    private static final short POLLIN = 1;

    /** What a context can do; bits of {@code uffdio_api.features}. */
    public enum Feature {
        /** Write-protect faults; Linux 5.7. */
        PAGEFAULT_FLAG_WP(0),
        /** Faults on missing pages of shared memory; Linux 4.11. */
        MISSING_SHMEM(5),
        /** mremap(2) is told. */
        EVENT_REMAP(2),
        /** madvise(2) discards are told. */
        EVENT_REMOVE(3),
        /** munmap(2) is told. */
        EVENT_UNMAP(6),
        /** Write-protection of hugetlb and shared memory; Linux 5.19. */
        WP_HUGETLBFS_SHMEM(12),
        /** Empty entries can be protected; Linux 6.4. */
        WP_UNPOPULATED(13),
        /**
         * The kernel itself lets writes through and takes the mark off the page: nobody waits,
         * nothing is told; Linux 6.7.
         */
        WP_ASYNC(15);

        private final int bit;

        Feature(int bit) {
            this.bit = bit;
        }

        long mask() {
            return 1L << bit;
        }
    }

    /** What a message says. */
    public enum Event {
        /** A write to a protected page. */
        FAULT,
        /** Memory was moved: {@link #messageStart} to {@link #messageTarget}. */
        REMAP,
        /** Memory is being discarded. */
        REMOVE,
        /** Memory was unmapped. */
        UNMAP
    }

    private final Descriptor descriptor;

    private Userfaultfd(Descriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * userfaultfd(2) for this process itself, not yet enabled; for probing what the kernel offers.
     */
    public static Userfaultfd create() throws ErrnoException {
        long fd = Kernel.call(Syscall.USERFAULTFD, OPEN_FLAGS, 0, 0);
        return new Userfaultfd(
                new Descriptor(
                        "userfaultfd", (int) Kernel.check(fd, "userfaultfd(0x%x)", OPEN_FLAGS)));
    }

    /** Takes over a descriptor that another process created, not yet enabled. */
    public static Userfaultfd of(Descriptor descriptor) {
        return new Userfaultfd(descriptor);
    }

    /**
     * The handshake, once per context.
     *
     * @throws ErrnoException EINVAL if the kernel lacks one of the features
     */
    public void enable(Feature... features) throws ErrnoException {
        long mask = 0;
        for (Feature feature : features) {
            mask |= feature.mask();
        }
        MemorySegment api = Kernel.scratch();
        api.set(JAVA_LONG, 0, API);
        api.set(JAVA_LONG, 8, mask);
        api.set(JAVA_LONG, 16, 0);
        Kernel.check(ioctl(UFFDIO_API, api), "ioctl(UFFDIO_API, features 0x%x)", mask);
    }

    /**
     * Registers a range for write-protect faults, or marks.
     *
     * @throws ErrnoException EINVAL if a mapping in it cannot be protected, EBUSY if another
     *     userfaultfd has it
     */
    public void register(AddressRange range) throws ErrnoException {
        register(range, REGISTER_MODE_WP);
    }

    /**
     * From now on, whoever touches a page of the range that is not there waits until it is
     * {@linkplain #copy copied} there.
     */
    public void registerMissing(AddressRange range) throws ErrnoException {
        register(range, REGISTER_MODE_MISSING);
    }

    /**
     * Puts pages where there are none, and wakes who waits for them.
     *
     * @param from an address of this process
     * @return bytes copied from the start; or a negative errno if there were none: EEXIST where
     *     there is a page already
     */
    public long copy(long to, long from, long bytes) {
        MemorySegment copy = Kernel.scratch();
        copy.set(JAVA_LONG, 0, to);
        copy.set(JAVA_LONG, 8, from);
        copy.set(JAVA_LONG, 16, bytes);
        copy.set(JAVA_LONG, 24, 0);
        copy.set(JAVA_LONG, 32, 0);
        long result = ioctl(UFFDIO_COPY, copy);
        long copied = copy.get(JAVA_LONG, 32);
        return copied > 0 ? copied : result;
    }

    /** The same with zeros; 0 or a negative errno. */
    public long zero(long to, long bytes) {
        MemorySegment zero = Kernel.scratch();
        zero.set(JAVA_LONG, 0, to);
        zero.set(JAVA_LONG, 8, bytes);
        zero.set(JAVA_LONG, 16, 0);
        zero.set(JAVA_LONG, 24, 0);
        return ioctl(UFFDIO_ZEROPAGE, zero);
    }

    private void register(AddressRange range, long mode) throws ErrnoException {
        MemorySegment register = Kernel.scratch();
        register.set(JAVA_LONG, 0, range.start());
        register.set(JAVA_LONG, 8, range.sizeBytes());
        register.set(JAVA_LONG, 16, mode);
        register.set(JAVA_LONG, 24, 0);
        Kernel.check(ioctl(UFFDIO_REGISTER, register), "ioctl(UFFDIO_REGISTER, %s)", range);
    }

    /**
     * Takes protection and registration of a range away, and wakes its parked writers, which the
     * call alone does not.
     *
     * @return 0 or a negative errno
     */
    public long unregister(long start, long bytes) {
        long result = rangeCall(UFFDIO_UNREGISTER, start, bytes);
        wake(start, bytes);
        return result;
    }

    /** Wakes the writers parked in a range; 0 or a negative errno. */
    public long wake(long start, long bytes) {
        return rangeCall(UFFDIO_WAKE, start, bytes);
    }

    /** Write-protects a registered range; 0 or a negative errno, which may come half way. */
    public long protect(long start, long bytes) {
        return writeProtect(start, bytes, WRITEPROTECT_MODE_WP);
    }

    /** Removes the protection and wakes the parked writers; 0 or a negative errno. */
    public long unprotect(long start, long bytes) {
        return writeProtect(start, bytes, 0);
    }

    private long writeProtect(long start, long bytes, long mode) {
        MemorySegment argument = Kernel.scratch();
        argument.set(JAVA_LONG, 0, start);
        argument.set(JAVA_LONG, 8, bytes);
        argument.set(JAVA_LONG, 16, mode);
        return ioctl(UFFDIO_WRITEPROTECT, argument);
    }

    private long rangeCall(long request, long start, long bytes) {
        MemorySegment range = Kernel.scratch();
        range.set(JAVA_LONG, 0, start);
        range.set(JAVA_LONG, 8, bytes);
        return ioctl(request, range);
    }

    private long ioctl(long request, MemorySegment argument) {
        return Kernel.call(Syscall.IOCTL, descriptor.number(), request, argument.address());
    }

    /**
     * Reads as many messages as fit, without waiting.
     *
     * @param into native memory, {@link #MESSAGE_BYTES} for each
     * @return number of messages, 0 if there is none, or a negative errno
     */
    public int read(MemorySegment into) {
        long bytes =
                Kernel.call(Syscall.READ, descriptor.number(), into.address(), into.byteSize());
        if (Kernel.is(bytes, Errno.EAGAIN)) {
            return 0;
        }
        return (int) (bytes < 0 ? bytes : bytes / MESSAGE_BYTES);
    }

    /** Sleeps until a message can be read or {@code timeoutNanos} have passed. */
    public void await(long timeoutNanos) {
        MemorySegment scratch = Kernel.scratch();
        scratch.set(JAVA_INT, 0, descriptor.number());
        scratch.set(JAVA_SHORT, 4, POLLIN);
        scratch.set(JAVA_SHORT, 6, (short) 0);
        scratch.set(JAVA_LONG, 8, timeoutNanos / 1_000_000_000);
        scratch.set(JAVA_LONG, 16, timeoutNanos % 1_000_000_000);
        // Whatever it answers, the next read tells.
        Kernel.call(Syscall.PPOLL, scratch.address(), 1, scratch.address() + 8, 0, 0, 0);
    }

    /** What message {@code index} of a buffer says. */
    public static Event messageEvent(MemorySegment messages, int index) {
        int event = messages.get(JAVA_BYTE, (long) index * MESSAGE_BYTES) & 0xff;
        return switch (event) {
            case 0x12 -> Event.FAULT;
            case 0x14 -> Event.REMAP;
            case 0x15 -> Event.REMOVE;
            case 0x16 -> Event.UNMAP;
            default ->
                    throw new IllegalStateException(
                            "userfaultfd event 0x" + Integer.toHexString(event));
        };
    }

    /** The faulting address, or the first address of the range that an event is about. */
    public static long messageStart(MemorySegment messages, int index) {
        int offset = messageEvent(messages, index) == Event.FAULT ? 16 : 8;
        return messages.get(JAVA_LONG_UNALIGNED, (long) index * MESSAGE_BYTES + offset);
    }

    /** The address behind the range that a REMOVE, UNMAP or REMAP is about. */
    public static long messageEnd(MemorySegment messages, int index) {
        long base = (long) index * MESSAGE_BYTES;
        return messageEvent(messages, index) == Event.REMAP
                ? messages.get(JAVA_LONG_UNALIGNED, base + 8)
                        + messages.get(JAVA_LONG_UNALIGNED, base + 24)
                : messages.get(JAVA_LONG_UNALIGNED, base + 16);
    }

    /** Where a REMAP moved its range to. */
    public static long messageTarget(MemorySegment messages, int index) {
        return messages.get(JAVA_LONG_UNALIGNED, (long) index * MESSAGE_BYTES + 16);
    }

    /**
     * Does at once what closing does, while other threads may use it: they answer errors or find
     * nothing from then on.
     */
    public void release() throws ErrnoException {
        descriptor.replace();
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
