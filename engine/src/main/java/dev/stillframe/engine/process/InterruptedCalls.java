package dev.stillframe.engine.process;

import dev.stillframe.engine.process.Registers.X86;

/**
 * Makes system calls go on that a stop of ours has ended. Most of them do by themselves: the kernel
 * makes them again. Those that return EINTR after any stop (signal(7), "Interruption of system
 * calls and library functions by stop signals") are made again here where nothing is lost by it,
 * that is where they wait without a time limit; a limit would begin anew.
 */
final class InterruptedCalls {
    private static final long EINTR = -4;

    /**
     * Make the call again unless a signal has a handler; then EINTR. Source: include/linux/errno.h.
     */
    private static final long ERESTARTNOHAND = -514;

    // Numbers of arch/x86/entry/syscalls/syscall_64.tbl.
    private static final int SEMOP = 65;
    private static final int RT_SIGTIMEDWAIT = 128;
    private static final int SEMTIMEDOP = 220;
    private static final int EPOLL_WAIT = 232;
    private static final int EPOLL_PWAIT = 281;
    private static final int EPOLL_PWAIT2 = 441;

    private InterruptedCalls() {}

    /**
     * Changes the registers of a thread that stands because it was interrupted, on its way out of
     * the kernel.
     *
     * @return whether anything was changed
     */
    static boolean restart(Registers registers) {
        if (registers.get(X86.RAX) != EINTR || !waitsWithoutLimit(registers)) {
            return false;
        }
        registers.set(X86.RAX, ERESTARTNOHAND);
        return true;
    }

    private static boolean waitsWithoutLimit(Registers registers) {
        return switch ((int) registers.get(X86.ORIG_RAX)) { // -1: it is in no call
            case EPOLL_WAIT, EPOLL_PWAIT -> (int) registers.get(X86.R10) < 0;
            case EPOLL_PWAIT2, SEMTIMEDOP -> registers.get(X86.R10) == 0;
            case RT_SIGTIMEDWAIT -> registers.get(X86.RDX) == 0;
            case SEMOP -> true;
            default -> false;
        };
    }
}
