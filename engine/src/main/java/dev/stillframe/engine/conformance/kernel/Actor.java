package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Machine.Hang;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.kernel.Channel.Operation;
import io.micrometer.core.instrument.Clock;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One thread of an actor process: does what it is told, one thing at a time. Owned by the machine's
 * thread.
 */
final class Actor implements AutoCloseable {
    private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long SPIN_NANOS = 40_000;
    private static final long PAUSE_NANOS = 30_000;
    private static final long FAULT = 0x100000;
    private static final int SIGBUS = 7;

    /** A task that waits for another process, as it should. */
    static final String VFORK = "vfork";

    private static final long HALT = 72;

    /** Offset of structures in the control area. */
    static final long STRUCTURES = 0x100;

    /** Offset of bulk data in the control area. */
    static final long BULK = 0x1000;

    /** Offset of the two queues of an io_uring in the control area. */
    static final long QUEUES = 0xa000;

    /** Bytes of each. */
    static final int QUEUE_BYTES = 0x1000;

    /** Offset of a list of robust futexes in the control area: its head, then its one entry. */
    static final long ROBUST = 0xa0;

    /** Room for bulk data. */
    static final int BULK_BYTES = 0x8000;

    private final String name;
    private final ActorProcess process;
    private final int tid;
    private long area;
    private final Channel channel;
    private final Clock clock;
    private @Nullable Task task;
    private boolean isHalted;
    private Reply last = Reply.Done.of(0);

    /** What was asked for, and what its answer means; a loop does not end by itself. */
    private record Task(String what, boolean isLoop, LongFunction<Reply> finish) {}

    Actor(String name, ActorProcess process, int tid, long area, Channel channel, Clock clock) {
        this.name = name;
        this.process = process;
        this.tid = tid;
        this.area = area;
        this.channel = channel;
        this.clock = clock;
    }

    /** Whether it cannot be asked for anything now. */
    boolean isBusy() {
        if (task != null) {
            isSettled(); // takes the answer, if there is one by now
        }
        return task != null;
    }

    int tid() {
        return tid;
    }

    long area() {
        return area;
    }

    ActorProcess process() {
        return process;
    }

    /** Starts something; {@code finish} makes a reply of its result. */
    void begin(String what, LongFunction<Reply> finish, Operation operation, long... operands) {
        begin(new Task(what, operation == Operation.HAMMER, finish), operation, operands);
    }

    private void begin(Task next, Operation operation, long... operands) {
        if (task != null) {
            throw new IllegalStateException(name + " has not finished: " + task.what());
        }
        task = next;
        isHalted = false;
        channel.send(operation, operands);
    }

    /**
     * execve(2). The new program, which begins with the first control area, is asked for its number
     * at once: its answer says that it runs. {@code done} is run then.
     */
    void execute(long path, long arguments, Runnable done) {
        begin(
                "execve",
                result -> executed(result, done),
                Operation.CALL,
                withNumber(Call.EXECVE, path, arguments, 0));
        channel.send(Operation.CALL, withNumber(Call.GETTID));
    }

    private Reply executed(long result, Runnable done) {
        if (result < 0) {
            throw new IllegalStateException("execve: errno " + -result);
        }
        area = ActorProgram.AREAS;
        process.executed();
        done.run();
        return Reply.Done.of(0);
    }

    /** A system call that ends by itself. */
    long call(Call call, long... arguments) {
        begin(call.name(), Reply.Done::of, Operation.CALL, withNumber(call, arguments));
        if (settle() instanceof Reply.Done(long result, _)) {
            return result;
        }
        throw new Hang("%s of %s waits for somebody".formatted(call, name));
    }

    /** The operands of {@link Operation#CALL}. */
    static long[] withNumber(Call call, long... arguments) {
        long[] operands = new long[arguments.length + 1];
        operands[0] = call.number();
        System.arraycopy(arguments, 0, operands, 1, arguments.length);
        return operands;
    }

    /** How it stands once it cannot go on by itself. */
    Reply settle() {
        await(() -> isSettled());
        return last;
    }

    /**
     * Waits until {@code condition} holds, or until this thread ended or parked, so that it never
     * will.
     */
    void awaitOr(BooleanSupplier condition) {
        await(() -> condition.getAsBoolean() || isSettled() && !(last instanceof Reply.Waiting));
    }

    private void await(BooleanSupplier condition) {
        long started = clock.monotonicTime();
        while (!condition.getAsBoolean()) {
            long waited = clock.monotonicTime() - started;
            if (waited > DEADLINE_NANOS) {
                throw new Hang(
                        "%s neither ended nor parked in 5 s: %s, %s"
                                .formatted(name, task == null ? "" : task.what(), state()));
            }
            if (waited > SPIN_NANOS) {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    private boolean isSettled() {
        if (task == null) {
            return true;
        }
        if (channel.hasAnswer()) {
            finish(channel.answer());
            return true;
        }
        TaskState state = state();
        if (state.isGone()) {
            if (channel.hasAnswer()) { // it answered before it went
                finish(channel.answer());
                return true;
            }
            return settled(new Reply.Gone());
        }
        if (state.isStopped()) {
            return settled(new Reply.Stopped());
        }
        if (state.isParked()) {
            return settled(new Reply.Parked(state.isInterruptible()));
        }
        if (task.what().equals(VFORK) && state.isBehindChild()) {
            return settled(new Reply.Waiting());
        }
        return task.isLoop() && !isHalted && settled(new Reply.Busy());
    }

    private boolean settled(Reply reply) {
        last = reply;
        return true;
    }

    private void finish(long result) {
        if (task == null) {
            throw new IllegalStateException(name + " answered what nobody asked");
        }
        Task done = task;
        task = null;
        if (result <= -FAULT && result > -2 * FAULT) {
            long signal = (-result - FAULT) >> 8;
            last = new Reply.Signalled(signal == SIGBUS ? "SIGBUS" : "SIGSEGV");
        } else {
            last = done.finish().apply(result);
        }
    }

    /** Ends a loop; it may have to be unparked before it notices. */
    void halt() {
        process.memory().write(area + HALT, new byte[] {1});
        isHalted = true;
    }

    /** Lets the next loop run. */
    void unhalt() {
        process.memory().write(area + HALT, new byte[1]);
    }

    TaskState state() {
        return TaskState.of(process.pid(), tid);
    }

    /** Writes a structure into the scratch part of its control area; the address. */
    long structure(byte[] bytes) {
        process.memory().write(area + STRUCTURES, bytes);
        return area + STRUCTURES;
    }

    /** Where bulk data of so many bytes goes. */
    long bulk(long bytes) {
        if (bytes > BULK_BYTES) {
            throw new IllegalArgumentException(
                    "%d bytes at once, at most %d".formatted(bytes, BULK_BYTES));
        }
        return area + BULK;
    }

    @Override
    public void close() {
        channel.close();
    }

    @Override
    public String toString() {
        return name;
    }
}
