package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * Where a thread keeps the list of its robust mutexes: get_robust_list(2). In glibc that is inside
 * its control block.
 */
public final class RobustList {
    private RobustList() {}

    /**
     * The address of the list's head, 0 if the thread has registered none or has gone. The thread
     * may run.
     *
     * @throws ErrnoException EPERM without the right to trace the thread
     */
    public static long head(int tid) throws ErrnoException {
        MemorySegment scratch = Kernel.scratch();
        scratch.set(JAVA_LONG, 0, 0);
        long result =
                Kernel.call(Syscall.GET_ROBUST_LIST, tid, scratch.address(), scratch.address() + 8);
        if (Kernel.is(result, Errno.ESRCH)) {
            return 0;
        }
        Kernel.check(result, "get_robust_list(%d)", tid);
        return scratch.get(JAVA_LONG, 0);
    }
}
