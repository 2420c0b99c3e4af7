package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * ptrace(2) and the waiting that goes with it. Every call for a tracee must come from the thread
 * that seized it; when that thread or its process ends, the kernel detaches all of its tracees and
 * they run on.
 */
public final class Ptrace {
    private static final long PR_SET_PTRACER = 0x59616d61;

    /** Automatically seize the tracee's new threads. */
    public static final int O_TRACECLONE = 1 << 3;

    /** Stop and tell at fork, and seize the child. */
    public static final int O_TRACEFORK = 1 << 1;

    /** Stop and tell at vfork, and seize the child. */
    public static final int O_TRACEVFORK = 1 << 2;

    /** Stop and tell when another program has been executed. */
    public static final int O_TRACEEXEC = 1 << 4;

    /** Stop and tell when a vfork is done. */
    public static final int O_TRACEVFORKDONE = 1 << 5;

    /** Stop and tell when a thread exits, before its memory is touched by the exit. */
    public static final int O_TRACEEXIT = 1 << 6;

    /** Mark system call stops with 0x80. */
    public static final int O_TRACESYSGOOD = 1;

    /** Register set of the general registers. */
    public static final int NT_PRSTATUS = 1;

    /** Register set of the floating-point registers. */
    public static final int NT_PRFPREG = 2;

    /** Register set of the extended state, x86. */
    public static final int NT_X86_XSTATE = 0x202;

    private static final int CONT = 7;
    private static final int DETACH = 17;
    private static final int SYSCALL = 24;
    private static final int GETEVENTMSG = 0x4201;
    private static final int GETREGSET = 0x4204;
    private static final int SETREGSET = 0x4205;
    private static final int SEIZE = 0x4206;
    private static final int INTERRUPT = 0x4207;
    private static final int LISTEN = 0x4208;
    private static final int GETSIGMASK = 0x420a;
    private static final int SETSIGMASK = 0x420b;
    private static final int SECCOMP_GET_FILTER = 0x420c;

    private static final int P_ALL = 0;
    private static final int P_PID = 1;
    private static final int WNOHANG = 1;
    private static final int WUNTRACED = 2;
    private static final int WEXITED = 4;
    private static final int WNOWAIT = 0x01000000;
    private static final int CLD_TRAPPED = 4;
    private static final int SIGINFO_CODE = 8;
    private static final int SIGINFO_PID = 16;
    private static final int SIGINFO_STATUS = 24;
    private static final int WALL = 0x40000000;
    private static final int WNOTHREAD = 0x20000000;
    private static final int SIGTRAP = 5;
    private static final int EVENT_STOP = 128;
    private static final int REGSET_MAX_BYTES = 16384; // AMX tiles need 8 KiB
    private static final int FILTER_MAX_INSTRUCTIONS = 4096; // BPF_MAXINSNS
    private static final int FILTER_INSTRUCTION_BYTES = 8;

    /**
     * Room for the largest register set and the vector that describes it; one for each thread that
     * traces.
     */
    private record Buffer(MemorySegment data, MemorySegment vector) {
        // The automatic arena lives exactly as long as the thread's entry.
        @SuppressWarnings("ThreadLocalUsage") // one per thread is the point
        private static final ThreadLocal<Buffer> OF_THREAD =
                ThreadLocal.withInitial(
                        () -> {
                            Arena arena = Arena.ofAuto();
                            return new Buffer(
                                    arena.allocate(REGSET_MAX_BYTES, 64), arena.allocate(16, 8));
                        });

        MemorySegment vector(long bytes) {
            vector.set(JAVA_LONG, 0, data.address());
            vector.set(JAVA_LONG, 8, bytes);
            return vector;
        }
    }

    private Ptrace() {}

    /** What a wait found out about one thread. */
    public sealed interface Wait {
        /** The thread. */
        int tid();

        /** It has ended; {@code status} as wait(2) codes it. */
        record Ended(int tid, int status) implements Wait {}

        /** About to take {@code signal}: pass it on when it is resumed. */
        record Signal(int tid, int signal) implements Wait {}

        /** Stopped by {@link Ptrace#interrupt} or as a new tracee. */
        record Interrupted(int tid) implements Wait {}

        /** Part of a stop of the whole process by {@code signal}. */
        record GroupStop(int tid, int signal) implements Wait {}

        /** At the entry or the exit of a system call. */
        record SyscallStop(int tid) implements Wait {}

        /** Made a thread or child by clone, fork or vfork; its number is the event message. */
        record Cloned(int tid) implements Wait {}

        /** Has executed another program; all other threads of its process are gone. */
        record Executed(int tid) implements Wait {}

        /** Its vfork is done. */
        record VforkDone(int tid) implements Wait {}

        /** About to exit, with its memory still untouched. */
        record Exiting(int tid) implements Wait {}
    }

    /** Starts tracing without stopping. */
    public static void seize(int tid, int options) throws ErrnoException {
        check(call(SEIZE, tid, 0, options), "SEIZE", tid);
    }

    /** Asks for a stop; it is reported by {@link #poll}. */
    public static void interrupt(int tid) throws ErrnoException {
        check(call(INTERRUPT, tid, 0, 0), "INTERRUPT", tid);
    }

    /** Resumes, delivering {@code signal} unless it is 0. */
    public static void resume(int tid, int signal) throws ErrnoException {
        check(call(CONT, tid, 0, signal), "CONT", tid);
    }

    /** Resumes until the next entry or exit of a system call. */
    public static void resumeToSyscall(int tid) throws ErrnoException {
        check(call(SYSCALL, tid, 0, 0), "SYSCALL", tid);
    }

    /** Lets a thread in a group stop stay stopped, but tell when it goes on. */
    public static void listen(int tid) throws ErrnoException {
        check(call(LISTEN, tid, 0, 0), "LISTEN", tid);
    }

    /**
     * Ends tracing of a stopped thread and resumes it, delivering {@code signal} unless it is 0.
     */
    public static void detach(int tid, int signal) throws ErrnoException {
        check(call(DETACH, tid, 0, signal), "DETACH", tid);
    }

    /** The message of the last event: the number of the new thread after {@link Wait.Cloned}. */
    public static long eventMessage(int tid) throws ErrnoException {
        MemorySegment message = Kernel.scratch();
        check(call(GETEVENTMSG, tid, 0, message.address()), "GETEVENTMSG", tid);
        return message.get(JAVA_LONG, 0);
    }

    /** A register set of a stopped thread, in the kernel's layout. */
    public static byte[] registers(int tid, int set) throws ErrnoException {
        Buffer buffer = Buffer.OF_THREAD.get();
        MemorySegment vector = buffer.vector(REGSET_MAX_BYTES);
        check(call(GETREGSET, tid, set, vector.address()), "GETREGSET", tid);
        return buffer.data().asSlice(0, vector.get(JAVA_LONG, 8)).toArray(JAVA_BYTE);
    }

    /** Replaces a register set of a stopped thread, in one step. */
    public static void setRegisters(int tid, int set, byte[] registers) throws ErrnoException {
        Buffer buffer = Buffer.OF_THREAD.get();
        MemorySegment.copy(registers, 0, buffer.data(), JAVA_BYTE, 0, registers.length);
        check(
                call(SETREGSET, tid, set, buffer.vector(registers.length).address()),
                "SETREGSET",
                tid);
    }

    /** The blocked signals of a stopped thread, bit n-1 for signal n. */
    public static long signalMask(int tid) throws ErrnoException {
        MemorySegment mask = Kernel.scratch();
        check(call(GETSIGMASK, tid, Long.BYTES, mask.address()), "GETSIGMASK", tid);
        return mask.get(JAVA_LONG, 0);
    }

    /** Replaces the blocked signals of a stopped thread. */
    public static void setSignalMask(int tid, long blocked) throws ErrnoException {
        MemorySegment mask = Kernel.scratch();
        mask.set(JAVA_LONG, 0, blocked);
        check(call(SETSIGMASK, tid, Long.BYTES, mask.address()), "SETSIGMASK", tid);
    }

    /**
     * Seccomp filter {@code index} of a stopped thread as {@code struct sock_filter}s, newest
     * first; empty past the last. Needs CAP_SYS_ADMIN.
     */
    public static byte[] seccompFilter(int tid, int index) throws ErrnoException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment filter =
                    arena.allocate(FILTER_MAX_INSTRUCTIONS * FILTER_INSTRUCTION_BYTES, 8);
            long count = call(SECCOMP_GET_FILTER, tid, index, filter.address());
            if (Kernel.is(count, Errno.ENOENT)) {
                return new byte[0];
            }
            check(count, "SECCOMP_GET_FILTER", tid);
            return filter.asSlice(0, count * FILTER_INSTRUCTION_BYTES).toArray(JAVA_BYTE);
        }
    }

    /**
     * The next report about a tracee of the calling thread, or null if there is none now. A stop is
     * looked at, not taken: it is reported until the tracee is resumed. Taking it would take the
     * signal of a {@link Wait.Signal} from the kernel, and with it from the tracee if this thread
     * ended before it resumed it ({@code wait_task_stopped} of kernel/exit.c clears {@code
     * exit_code}, which {@code ptrace_stop} of kernel/signal.c returns). An end is taken.
     *
     * @param tid the tracee, or -1 for any of this thread's
     * @throws ErrnoException ECHILD if there is no such tracee
     */
    public static @Nullable Wait poll(int tid) throws ErrnoException {
        MemorySegment info = Kernel.scratch();
        int options = WEXITED | WUNTRACED | WNOHANG | WNOWAIT | WALL | WNOTHREAD;
        long result =
                Kernel.call(
                        Syscall.WAITID,
                        tid < 0 ? P_ALL : P_PID,
                        tid < 0 ? 0 : tid,
                        info.address(),
                        options,
                        0,
                        0);
        Kernel.check(result, "waitid(%d)", tid);
        int found = info.get(JAVA_INT, SIGINFO_PID);
        if (found == 0) {
            return null;
        }
        int status = info.get(JAVA_INT, SIGINFO_STATUS);
        if (info.get(JAVA_INT, SIGINFO_CODE) == CLD_TRAPPED) {
            return decode(found, status);
        }
        long reaped =
                Kernel.call(
                        Syscall.WAIT4, found, info.address(), WNOHANG | WALL | WNOTHREAD, 0, 0, 0);
        Kernel.check(reaped, "wait4(%d)", found);
        return new Wait.Ended(found, info.get(JAVA_INT, 0));
    }

    /** {@code code} is the tracee's exit code: the signal, and the event above it. */
    private static Wait decode(int tid, int code) {
        int signal = code & 0xff;
        int event = code >> 8;
        if (signal == (SIGTRAP | 0x80)) {
            return new Wait.SyscallStop(tid);
        }
        return switch (event) {
            case 0 -> new Wait.Signal(tid, signal);
            case 1, 2, 3 -> new Wait.Cloned(tid); // PTRACE_EVENT_FORK, _VFORK, _CLONE
            case 4 -> new Wait.Executed(tid);
            case 5 -> new Wait.VforkDone(tid);
            case 6 -> new Wait.Exiting(tid);
            case EVENT_STOP ->
                    signal == SIGTRAP ? new Wait.Interrupted(tid) : new Wait.GroupStop(tid, signal);
            default ->
                    throw new IllegalStateException("ptrace event " + event + " of thread " + tid);
        };
    }

    private static long call(int request, int tid, long address, long data) {
        return Kernel.call(Syscall.PTRACE, request, tid, address, data, 0, 0);
    }

    private static void check(long result, String request, int tid) throws ErrnoException {
        Kernel.check(result, "ptrace(%s, %d)", request, tid);
    }

    /**
     * Lets a process of the same user trace this one where Yama forbids it (prctl(2), {@code
     * PR_SET_PTRACER}); kernels without Yama answer EINVAL and need no permission.
     */
    public static void allowTracer(long pid) throws ErrnoException {
        long result = Kernel.call(Syscall.PRCTL, PR_SET_PTRACER, pid, 0);
        if (!Kernel.is(result, Errno.EINVAL)) {
            Kernel.check(result, "prctl(PR_SET_PTRACER, %d)", pid);
        }
    }
}
