package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.Reply;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An io_uring with one registered buffer, its queues in the control area of the thread that made it
 * ({@code include/uapi/linux/io_uring.h}, IORING_SETUP_NO_MMAP, Linux 6.5). Owned by the machine's
 * thread.
 */
final class Ring {
    private static final int NO_MMAP = 1 << 14;
    private static final int NO_SQARRAY = 1 << 16;
    private static final int REGISTER_BUFFERS = 0;
    private static final int GETEVENTS = 1;
    private static final byte READ_FIXED = 4;
    private static final int PARAMETERS_BYTES = 120;
    private static final int SQ_TAIL = 44;
    private static final int SQ_USER_ADDRESS = 72;
    private static final int CQ_CQES = 100;
    private static final int CQ_USER_ADDRESS = 112;
    private static final int ENTRY_BYTES = 64;

    private final Actor actor;
    private final int descriptor;
    private final int tailOffset;
    private final int answersOffset;
    private int submitted;

    private Ring(Actor actor, int descriptor, int tailOffset, int answersOffset) {
        this.actor = actor;
        this.descriptor = descriptor;
        this.tailOffset = tailOffset;
        this.answersOffset = answersOffset;
    }

    static Ring of(Actor actor) {
        actor.process()
                .memory()
                .write(actor.area() + Actor.QUEUES, new byte[2 * Actor.QUEUE_BYTES]);
        ByteBuffer parameters =
                ByteBuffer.allocate(PARAMETERS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        parameters.putInt(2 * Integer.BYTES, NO_MMAP | NO_SQARRAY);
        parameters.putLong(SQ_USER_ADDRESS, actor.area() + Actor.QUEUES + Actor.QUEUE_BYTES);
        parameters.putLong(CQ_USER_ADDRESS, actor.area() + Actor.QUEUES);
        long at = actor.structure(parameters.array());
        long ring = actor.call(Call.IO_URING_SETUP, 1, at);
        if (ring < 0) {
            throw new Unsupported(
                    "needs io_uring of Linux 6.5: io_uring_setup answers errno " + -ring);
        }
        ByteBuffer made =
                ByteBuffer.wrap(actor.process().memory().read(at, PARAMETERS_BYTES))
                        .order(ByteOrder.LITTLE_ENDIAN);
        return new Ring(actor, (int) ring, made.getInt(SQ_TAIL), made.getInt(CQ_CQES));
    }

    /** Starts to register the range as its buffer. */
    void register(long address, long bytes) {
        long vector = actor.structure(Ioctls.bytes(address, bytes));
        actor.begin(
                "io_uring_register",
                Reply.Done::of,
                Channel.Operation.CALL,
                Actor.withNumber(Call.IO_URING_REGISTER, descriptor, REGISTER_BUFFERS, vector, 1));
    }

    /** Starts to read a file from its beginning into a part of the buffer. */
    void read(int file, long address, long bytes) {
        ByteBuffer entry = ByteBuffer.allocate(ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        entry.put(0, READ_FIXED).putInt(4, file).putLong(16, address).putInt(24, (int) bytes);
        RemoteMemory memory = actor.process().memory();
        memory.write(actor.area() + Actor.QUEUES + Actor.QUEUE_BYTES, entry.array());
        int answer = submitted++ % 2; // the queue of answers is twice as long as the other
        memory.write(actor.area() + Actor.QUEUES + tailOffset, word(submitted));
        actor.begin(
                "io_uring_enter",
                entered -> Reply.Done.of(entered < 0 ? entered : answer(answer)),
                Channel.Operation.CALL,
                Actor.withNumber(Call.IO_URING_ENTER, descriptor, 1, 1, GETEVENTS, 0, 0));
    }

    private int answer(int number) {
        long at = actor.area() + Actor.QUEUES + answersOffset + number * 16L + 8;
        return ByteBuffer.wrap(actor.process().memory().read(at, Integer.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getInt();
    }

    private static byte[] word(int value) {
        return ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array();
    }
}
