package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * The door to the kernel: {@code syscall(2)} of libc, and the only class that links a native
 * symbol. Thread-safe; a call allocates nothing.
 */
final class Kernel {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final MethodHandle SYSCALL = link();
    private static final int SCRATCH_BYTES = 512;

    /**
     * What one thread needs for its calls: the captured errno, and room for small argument structs.
     */
    private record Frame(MemorySegment state, MemorySegment scratch) {
        // The automatic arena lives exactly as long as the thread's entry.
        @SuppressWarnings("ThreadLocalUsage") // one per thread is the point
        private static final ThreadLocal<Frame> OF_THREAD =
                ThreadLocal.withInitial(
                        () -> {
                            Arena arena = Arena.ofAuto();
                            return new Frame(
                                    arena.allocate(Linker.Option.captureStateLayout()),
                                    arena.allocate(SCRATCH_BYTES, 64));
                        });
    }

    private Kernel() {}

    /**
     * This thread's scratch memory, {@value #SCRATCH_BYTES} bytes; its content lasts until the
     * thread's next use.
     */
    static MemorySegment scratch() {
        return Frame.OF_THREAD.get().scratch();
    }

    /**
     * The call's result, or the negative errno. Throws nothing, so that loops may expect an error.
     */
    static long call(Syscall call, long a, long b, long c, long d, long e, long f) {
        Frame frame = Objects.requireNonNull(Frame.OF_THREAD.get());
        try {
            long result =
                    (long)
                            SYSCALL.invokeExact(
                                    frame.state(),
                                    (long) call.number(Architecture.CURRENT),
                                    a,
                                    b,
                                    c,
                                    d,
                                    e,
                                    f);
            return result == -1 ? -frame.state().get(JAVA_INT, 0) : result;
        } catch (Throwable t) { // a wrong descriptor is our bug, not the caller's
            throw new LinkageError("syscall " + call, t);
        }
    }

    static long call(Syscall call, long a, long b, long c) {
        return call(call, a, b, c, 0, 0, 0);
    }

    /**
     * Turns a negative result into an exception that carries the call as {@code format %
     * arguments}.
     */
    static long check(long result, String format, Object... arguments) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException(format.formatted(arguments), (int) -result);
        }
        return result;
    }

    static boolean is(long result, Errno errno) {
        return result == -errno.number();
    }

    @SuppressWarnings("restricted") // the one place that needs native access
    private static MethodHandle link() {
        FunctionDescriptor type =
                FunctionDescriptor.of(
                        JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                        JAVA_LONG);
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow("syscall"),
                type,
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(1));
    }
}
