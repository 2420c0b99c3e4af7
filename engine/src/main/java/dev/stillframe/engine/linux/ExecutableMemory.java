package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A program that has no file: bytes that other processes can execute while this is open.
 * Thread-safe.
 */
public final class ExecutableMemory implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_EXEC = 0x10; // Linux 6.3

    private final Descriptor descriptor;

    private ExecutableMemory(Descriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Makes {@code program} executable: memfd_create(2).
     *
     * @throws ErrnoException EACCES where {@code vm.memfd_noexec} forbids it
     */
    public static ExecutableMemory of(String name, byte[] program) throws ErrnoException {
        try (Arena arena = Arena.ofConfined()) {
            long fd =
                    Kernel.call(
                            Syscall.MEMFD_CREATE,
                            arena.allocateFrom(name).address(),
                            MFD_CLOEXEC | MFD_EXEC,
                            0);
            Descriptor descriptor =
                    new Descriptor(name, (int) Kernel.check(fd, "memfd_create(%s)", name));
            MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, program);
            long written =
                    Kernel.call(
                            Syscall.WRITE, descriptor.number(), bytes.address(), bytes.byteSize());
            if (written != program.length) {
                descriptor.close();
                throw new ErrnoException(
                        "write(%s, %d bytes)".formatted(name, program.length),
                        written < 0 ? (int) -written : Errno.ENOSPC.number());
            }
            return new ExecutableMemory(descriptor);
        }
    }

    /**
     * The path by which a child of this process can execute it, although the child does not inherit
     * the descriptor.
     */
    public String path() {
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + descriptor.number();
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
