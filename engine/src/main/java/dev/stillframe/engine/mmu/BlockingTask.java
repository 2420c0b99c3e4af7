package dev.stillframe.engine.mmu;

import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Task} for a real thread: where the task parks, the thread waits, and goes on by itself
 * when it is woken. Owned by that thread; the task may be looked at by others.
 */
public final class BlockingTask {
    private final Task task;
    private final Duration patience;
    private final Clock clock;

    /**
     * @param patience how long one operation may take before something is wrong
     * @param clock tells how long it takes
     */
    public BlockingTask(Task task, Duration patience, Clock clock) {
        this.task = task;
        this.patience = patience;
        this.clock = clock;
    }

    /** An operation of the task, as in {@code run(t -> t.store(address, 1, 8))}. */
    @FunctionalInterface
    public interface Start {
        /** Starts it. */
        Outcome on(Task task);
    }

    /**
     * Does an operation to its end.
     *
     * @throws TimeoutException if it is still parked when the patience is over; it stays parked
     */
    public Outcome run(Start start) throws InterruptedException, TimeoutException {
        Deadline deadline = Deadline.in(clock, patience);
        Outcome outcome = task.mmu().inTurn(() -> start.on(task));
        while (outcome instanceof Outcome.Parked) {
            boolean moved = task.mmu().await(() -> task.isWoken() || !task.isParked(), deadline);
            if (!moved) {
                throw new TimeoutException(
                        "thread %d is still parked: %s".formatted(task.id(), outcome));
            }
            outcome = task.mmu().inTurn(task::proceed);
        }
        return outcome;
    }

    /** A load; its value. */
    public long load(long address, int bytes) throws InterruptedException, TimeoutException {
        return valueOf(run(t -> t.load(address, bytes)));
    }

    /** A store. */
    public void store(long address, long value, int bytes)
            throws InterruptedException, TimeoutException {
        valueOf(run(t -> t.store(address, value, bytes)));
    }

    private static long valueOf(@Nullable Outcome outcome) {
        if (outcome instanceof Outcome.Done(long value)) {
            return value;
        }
        throw new IllegalStateException("not done: " + outcome);
    }
}
