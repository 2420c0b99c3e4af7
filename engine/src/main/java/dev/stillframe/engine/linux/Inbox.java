package dev.stillframe.engine.linux;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A file without a name (memfd_create(2)) that another process is given to write and this one
 * reads: no directory, no link and no waiting for whoever has the other end of a pipe is on the
 * way. Owned by its creator.
 */
public final class Inbox implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;
    private static final int STEP_BYTES = 1 << 20;

    // include/uapi/linux/socket.h and include/linux/socket.h; struct msghdr, iovec and cmsghdr of
    // 64-bit machines
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_DONTWAIT = 0x40;
    private static final long MSGHDR_BYTES = 56;
    private static final long MSGHDR_IOV = 16;
    private static final long MSGHDR_IOVLEN = 24;
    private static final long MSGHDR_CONTROL = 32;
    private static final long MSGHDR_CONTROLLEN = 40;
    private static final long IOVEC_BYTES = 16;
    private static final long CMSG_LEN_OF_ONE = 20;
    private static final long CMSG_SPACE_OF_ONE = 24;

    private final Descriptor file;

    private Inbox(Descriptor file) {
        this.file = file;
    }

    /**
     * Makes an empty one.
     *
     * @param name what {@code /proc/PID/fd} shows after {@code /memfd:}
     */
    public static Inbox create(String name) throws ErrnoException {
        try (Arena call = Arena.ofConfined()) {
            long fd =
                    Kernel.call(
                            Syscall.MEMFD_CREATE,
                            call.allocateFrom(name).address(),
                            MFD_CLOEXEC,
                            0);
            return new Inbox(
                    new Descriptor(
                            "memfd " + name, (int) Kernel.check(fd, "memfd_create(%s)", name)));
        }
    }

    /**
     * Sends {@code text} and with it a descriptor that can only write: sendmsg(2), {@code
     * SCM_RIGHTS}. Does not wait.
     *
     * @param socket the number of a connected Unix socket of this process, which has room for
     *     {@code text}
     */
    public void sendWith(int socket, byte[] text) throws ErrnoException {
        try (Descriptor writing = file.writing();
                Arena call = Arena.ofConfined()) {
            MemorySegment bytes = call.allocateFrom(ValueLayout.JAVA_BYTE, text);
            MemorySegment vector = call.allocate(IOVEC_BYTES, Long.BYTES);
            vector.set(ValueLayout.JAVA_LONG, 0, bytes.address());
            vector.set(ValueLayout.JAVA_LONG, Long.BYTES, text.length);
            MemorySegment control = call.allocate(CMSG_SPACE_OF_ONE, Long.BYTES);
            control.set(ValueLayout.JAVA_LONG, 0, CMSG_LEN_OF_ONE);
            control.set(ValueLayout.JAVA_INT, 8, SOL_SOCKET);
            control.set(ValueLayout.JAVA_INT, 12, SCM_RIGHTS);
            control.set(ValueLayout.JAVA_INT, 16, writing.number());
            MemorySegment message = call.allocate(MSGHDR_BYTES, Long.BYTES);
            message.set(ValueLayout.JAVA_LONG, MSGHDR_IOV, vector.address());
            message.set(ValueLayout.JAVA_LONG, MSGHDR_IOVLEN, 1);
            message.set(ValueLayout.JAVA_LONG, MSGHDR_CONTROL, control.address());
            message.set(ValueLayout.JAVA_LONG, MSGHDR_CONTROLLEN, CMSG_SPACE_OF_ONE);
            long sent =
                    Kernel.check(
                            Kernel.call(
                                    Syscall.SENDMSG,
                                    socket,
                                    message.address(),
                                    MSG_NOSIGNAL | MSG_DONTWAIT),
                            "sendmsg(%d bytes and %s)",
                            text.length,
                            file);
            if (sent != text.length) {
                throw new ErrnoException(
                        "sendmsg(%d bytes and %s): only %d were taken"
                                .formatted(text.length, file, sent),
                        Errno.EAGAIN.number());
            }
        }
    }

    /**
     * What was written.
     *
     * @param most how many bytes at most; what comes behind them is not looked at
     */
    public byte[] read(int most) throws ErrnoException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (Arena call = Arena.ofConfined()) {
            MemorySegment step = call.allocate(Math.min(most, STEP_BYTES));
            while (all.size() < most) {
                long wanted = Math.min(step.byteSize(), most - all.size());
                long read =
                        Kernel.check(
                                file.read(step.address(), wanted, all.size()), "pread(%s)", file);
                if (read == 0) {
                    break;
                }
                all.writeBytes(step.asSlice(0, read).toArray(ValueLayout.JAVA_BYTE));
            }
        }
        return all.toByteArray();
    }

    @Override
    public void close() {
        file.close();
    }
}
