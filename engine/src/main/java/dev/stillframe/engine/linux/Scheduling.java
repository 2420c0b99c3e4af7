package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The threads of this process as the kernel sees them. */
public final class Scheduling {
    private static final int PRIO_PROCESS = 0;
    private static final int CLOCK_PROCESS_CPUTIME_ID = 2;
    private static final int CLOCK_THREAD_CPUTIME_ID = 3;

    private Scheduling() {}

    /** The kernel's number of the calling thread: gettid(2). */
    public static int threadId() {
        return (int) Kernel.call(Syscall.GETTID, 0, 0, 0);
    }

    /** Whether this process has a thread of that number. */
    public static boolean isOurs(int threadId) {
        return Files.exists(Path.of("/proc/self/task/" + threadId));
    }

    /**
     * Sets the nice value of the calling thread alone (setpriority(2) with a thread id, which Linux
     * allows).
     *
     * @param nice -20 to 19; below the present value it takes {@code CAP_SYS_NICE}
     */
    public static void nice(int nice) throws ErrnoException {
        Kernel.check(
                Kernel.call(Syscall.SETPRIORITY, PRIO_PROCESS, 0, nice),
                "setpriority(this thread, %d)",
                nice);
    }

    /**
     * Gives way with the calling thread: its nice value is {@code nice} afterwards, or what it was
     * if that was more.
     */
    public static void giveWay(int nice) throws ErrnoException {
        long answer = Kernel.call(Syscall.GETPRIORITY, PRIO_PROCESS, 0, 0);
        Kernel.check(answer, "getpriority(this thread)");
        nice(
                Math.max(
                        nice,
                        (int) (20 - answer))); // the system call answers 20 minus the nice value
    }

    /** Processor time of the calling thread: {@code CLOCK_THREAD_CPUTIME_ID}. */
    public static long threadCpuNanos() {
        return cpuNanos(CLOCK_THREAD_CPUTIME_ID);
    }

    /** Processor time of all threads of this process: {@code CLOCK_PROCESS_CPUTIME_ID}. */
    public static long processCpuNanos() {
        return cpuNanos(CLOCK_PROCESS_CPUTIME_ID);
    }

    private static long cpuNanos(int clock) {
        MemorySegment time = Kernel.scratch();
        Kernel.call(Syscall.CLOCK_GETTIME, clock, time.address(), 0);
        return time.get(JAVA_LONG, 0) * 1_000_000_000L + time.get(JAVA_LONG, 8);
    }

    /**
     * Sets the nice value of every thread of this process, also of those that the JVM has made for
     * itself.
     *
     * @param nice as for {@link #nice}
     */
    public static void niceProcess(int nice) throws IOException {
        try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
            for (Path thread : threads.toList()) {
                int tid = Integer.parseInt(thread.getFileName().toString());
                long result = Kernel.call(Syscall.SETPRIORITY, PRIO_PROCESS, tid, nice);
                if (!Kernel.is(result, Errno.ESRCH)) { // it may have ended since
                    Kernel.check(result, "setpriority(thread %d, %d)", tid, nice);
                }
            }
        }
    }
}
