package dev.stillframe.engine.linux;

/** The calling thread as the kernel sees it. */
public final class Scheduling {
    private static final int PRIO_PROCESS = 0;

    private Scheduling() {}

    /** The kernel's number of the calling thread: gettid(2). */
    public static int threadId() {
        return (int) Kernel.call(Syscall.GETTID, 0, 0, 0);
    }

    /**
     * Sets the nice value of the calling thread alone (setpriority(2) with a thread id, which Linux allows).
     *
     * @param nice -20 to 19; below the present value it takes {@code CAP_SYS_NICE}
     */
    public static void nice(int nice) throws ErrnoException {
        Kernel.check(
                Kernel.call(Syscall.SETPRIORITY, PRIO_PROCESS, 0, nice), "setpriority(this thread, %d)", nice);
    }
}
