package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/**
 * A process that cannot be mistaken for a later one with the same number: pidfd_open(2).
 * Thread-safe.
 */
public final class Pidfd implements AutoCloseable {
    private static final int PIDFD_THREAD = 0x80; // O_EXCL; Linux 6.9
    private static final short POLLIN = 1;

    private static final int MADV_COLLAPSE = 25; // Linux 6.1, for another process 6.10

    private final Descriptor descriptor;

    private Pidfd(Descriptor descriptor) {
        this.descriptor = descriptor;
    }

    /** Refers to the process {@code pid}. */
    public static Pidfd open(int pid) throws ErrnoException {
        return open(pid, 0);
    }

    /**
     * Refers to the single thread {@code tid}, so that {@link #take} sees that thread's own table.
     * Linux 6.9.
     */
    public static Pidfd openThread(int tid) throws ErrnoException {
        return open(tid, PIDFD_THREAD);
    }

    private static Pidfd open(int id, int flags) throws ErrnoException {
        long fd =
                Kernel.check(
                        Kernel.call(Syscall.PIDFD_OPEN, id, flags, 0),
                        "pidfd_open(%d, 0x%x)",
                        id,
                        flags);
        return new Pidfd(new Descriptor("pidfd of " + id, (int) fd));
    }

    /** A duplicate of the other's descriptor {@code number}: pidfd_getfd(2). */
    public Descriptor take(int number, String name) throws ErrnoException {
        long fd =
                Kernel.check(
                        Kernel.call(Syscall.PIDFD_GETFD, descriptor.number(), number, 0),
                        "pidfd_getfd(%s, %d)",
                        descriptor,
                        number);
        return new Descriptor(name, (int) fd); // the duplicate is close-on-exec by itself
    }

    /** Whether it has ended (also as a zombie that nobody has waited for). */
    public boolean hasEnded() throws ErrnoException {
        MemorySegment scratch = Kernel.scratch();
        scratch.set(JAVA_INT, 0, descriptor.number());
        scratch.set(JAVA_SHORT, 4, POLLIN);
        scratch.set(JAVA_SHORT, 6, (short) 0);
        scratch.set(JAVA_LONG, 8, 0);
        scratch.set(JAVA_LONG, 16, 0);
        long ready =
                Kernel.call(Syscall.PPOLL, scratch.address(), 1, scratch.address() + 8, 0, 0, 0);
        return Kernel.check(ready, "ppoll(%s)", descriptor) == 1;
    }

    /**
     * Makes one huge page of the small ones in {@code [start, start + bytes)}, which is aligned to
     * it: process_madvise(2) with {@code MADV_COLLAPSE}.
     *
     * @return {@code bytes}, or a negative errno: some of it has gone, or is not to be huge, or
     *     there is no memory in one piece
     */
    public long collapse(long start, long bytes) {
        MemorySegment vector = Kernel.scratch();
        vector.set(JAVA_LONG, 0, start);
        vector.set(JAVA_LONG, 8, bytes);
        return Kernel.call(
                Syscall.PROCESS_MADVISE,
                descriptor.number(),
                vector.address(),
                1,
                MADV_COLLAPSE,
                0,
                0);
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
