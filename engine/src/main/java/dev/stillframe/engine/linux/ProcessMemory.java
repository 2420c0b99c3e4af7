package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The memory of another process, by copy: process_vm_readv(2), and {@code /proc/PID/mem} for what
 * that refuses (mappings without read permission). Bound to the memory that the process had when
 * this was opened as far as {@code /proc/PID/mem} goes; process_vm_readv follows the process
 * through an exec, so a caller checks afterwards that the process is still what it was.
 * Thread-safe.
 */
public final class ProcessMemory implements AutoCloseable {
    /** The kernel takes so many pages in one go, and stops after the first. */
    public static final long WRITABLE_BYTES = 1024L * 4096;

    private final int pid;
    private final Descriptor mem;

    private ProcessMemory(int pid, Descriptor mem) {
        this.pid = pid;
        this.mem = mem;
    }

    /** Opens the memory of a process; needs the right to trace it. */
    public static ProcessMemory of(int pid) throws ErrnoException {
        return new ProcessMemory(pid, Descriptor.openReadWrite("/proc/" + pid + "/mem"));
    }

    /**
     * Copies {@code length} bytes from the other's {@code address} to {@code into}. Allocates
     * nothing.
     *
     * @param into an address of this process with room for {@code length} bytes
     * @return bytes copied from the start, fewer than {@code length} where memory is not mapped or
     *     cannot be read; or a negative errno if there are none
     */
    public long read(long address, long length, long into) {
        MemorySegment vectors = Kernel.scratch();
        vectors.set(JAVA_LONG, 0, into);
        vectors.set(JAVA_LONG, 8, length);
        vectors.set(JAVA_LONG, 16, address);
        vectors.set(JAVA_LONG, 24, length);
        long at = vectors.address();
        long copied = Kernel.call(Syscall.PROCESS_VM_READV, pid, at, 1, at + 16, 1, 0);
        if (copied == length || Kernel.is(copied, Errno.ESRCH)) {
            return copied;
        }
        long done = Math.max(copied, 0);
        long rest = mem.read(into + done, length - done, address + done);
        return rest > 0 ? done + rest : done > 0 ? done : copied;
    }

    /**
     * Copies several ranges of the other, one behind the other, to {@code into}. Allocates nothing.
     *
     * @param ranges {@code struct iovec} of each
     * @param count how many, at most 1024 (IOV_MAX)
     * @param bytes of all together
     * @return bytes copied, fewer if some are not there; or a negative errno
     */
    public long gather(MemorySegment ranges, int count, long bytes, long into) {
        MemorySegment local = Kernel.scratch();
        local.set(JAVA_LONG, 0, into);
        local.set(JAVA_LONG, 8, bytes);
        return Kernel.call(
                Syscall.PROCESS_VM_READV, pid, local.address(), 1, ranges.address(), count, 0);
    }

    /**
     * Maps pages of the other that are there for writing, as its first write to each of them would,
     * but for many at once and here. Their bytes stay as they are: this is a write of bytes that
     * cannot be read, for which the kernel prepares the pages before it finds that out
     * (process_vm_rw_single_vec in mm/process_vm_access.c). Allocates nothing. Must not be called
     * where a userfaultfd of this process protects.
     *
     * @param length at most {@link #WRITABLE_BYTES}
     */
    public void makeWritable(long address, long length) {
        MemorySegment vectors = Kernel.scratch();
        vectors.set(JAVA_LONG, 0, Unreadable.ADDRESS);
        vectors.set(JAVA_LONG, 8, length);
        vectors.set(JAVA_LONG, 16, address);
        vectors.set(JAVA_LONG, 24, length);
        long at = vectors.address();
        Kernel.call(Syscall.PROCESS_VM_WRITEV, pid, at, 1, at + 16, 1, 0); // EFAULT, always
    }

    /** Memory of ours that nobody can read. */
    private static final class Unreadable {
        private static final int PROT_NONE = 0;
        private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
        static final long ADDRESS =
                Kernel.call(
                        Syscall.MMAP,
                        0,
                        WRITABLE_BYTES,
                        PROT_NONE,
                        MAP_PRIVATE_ANONYMOUS_NORESERVE,
                        -1,
                        0);
    }

    /** Copies a small piece out, whole or not at all. */
    public byte[] read(long address, int length) throws ErrnoException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(Math.max(length, 1), 8);
            long copied = read(address, length, buffer.address());
            Kernel.check(copied, "read %d bytes at %x of process %d", length, address, pid);
            if (copied != length) {
                throw new ErrnoException(
                        "read %d bytes at %x of process %d, only %d came"
                                .formatted(length, address, pid, copied),
                        Errno.EFAULT.number());
            }
            return buffer.asSlice(0, length).toArray(JAVA_BYTE);
        }
    }

    /** Writes {@code bytes} at {@code address}, whole or not at all as far as the mapping goes. */
    public void write(long address, byte[] bytes) throws ErrnoException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocateFrom(JAVA_BYTE, bytes);
            MemorySegment vectors = arena.allocate(32, 8);
            vectors.set(JAVA_LONG, 0, data.address());
            vectors.set(JAVA_LONG, 8, bytes.length);
            vectors.set(JAVA_LONG, 16, address);
            vectors.set(JAVA_LONG, 24, bytes.length);
            long at = vectors.address();
            long written = Kernel.call(Syscall.PROCESS_VM_WRITEV, pid, at, 1, at + 16, 1, 0);
            Kernel.check(
                    written, "process_vm_writev(%d, %d bytes at %x)", pid, bytes.length, address);
            if (written != bytes.length) {
                throw new ErrnoException(
                        "process_vm_writev(%d, %d bytes at %x), only %d done"
                                .formatted(pid, bytes.length, address, written),
                        Errno.EFAULT.number());
            }
        }
    }

    @Override
    public void close() {
        mem.close();
    }
}
