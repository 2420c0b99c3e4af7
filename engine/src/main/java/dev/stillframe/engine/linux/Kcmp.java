package dev.stillframe.engine.linux;

/** Whether two processes have something in common: kcmp(2). */
public final class Kcmp {
    private static final int KCMP_VM = 1;

    private Kcmp() {}

    /**
     * Whether two tasks have the same memory, as after clone(2) with {@code CLONE_VM}. False if one
     * of them has gone.
     *
     * @throws ErrnoException EPERM without the right to trace both, ENOSYS if this kernel has no
     *     kcmp(2)
     */
    public static boolean sameMemory(int one, int other) throws ErrnoException {
        long result = Kernel.call(Syscall.KCMP, one, other, KCMP_VM, 0, 0, 0);
        return !Kernel.is(result, Errno.ESRCH)
                && Kernel.check(result, "kcmp(%d, %d, VM)", one, other) == 0;
    }
}
