package dev.stillframe.tests.emulated;

import dev.stillframe.engine.mmu.BlockingTask;
import dev.stillframe.engine.mmu.BlockingTask.Start;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.process.Attachment.ExitListener;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.TargetException;
import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Lets real threads run as those of an emulated process, and stops them all between two operations.
 * Thread-safe.
 */
public final class EmulatedThreads {
    private static final int OPERATIONS_MAX = 1 << 20;

    private final EmulatedProcess process;
    private final Duration patience;

    /**
     * Each operation has one; whoever has all has stopped the process. Fair, so that no stop waits
     * for ever.
     */
    private final Semaphore running = new Semaphore(OPERATIONS_MAX, true);

    private volatile ExitListener exits = exiting -> {};

    /** {@code patience} bounds every operation and the stop. */
    public EmulatedThreads(EmulatedProcess process, Duration patience) {
        this.process = process;
        this.patience = patience;
    }

    /** The process. */
    public EmulatedProcess process() {
        return process;
    }

    /** A thread of the process for the calling thread. */
    public Running newThread() {
        return new Running(process.newTask());
    }

    /** A thread of the process. Owned by the real thread that it stands for. */
    public final class Running {
        private final Task task;
        private final BlockingTask blocking;

        private Running(Task task) {
            this.task = task;
            this.blocking = new BlockingTask(task, patience, Clock.SYSTEM);
        }

        /**
         * Does one operation, when the process is not stopped.
         *
         * @throws TimeoutException if nobody resolves its fault in time
         */
        public Outcome run(Start operation) throws InterruptedException, TimeoutException {
            running.acquire();
            try {
                return blocking.run(operation);
            } finally {
                running.release();
            }
        }

        /**
         * Ends; the kernel clears the word at {@code clearTid}, as CLONE_CHILD_CLEARTID says, and
         * cannot wait then.
         */
        public void exit(long clearTid) throws InterruptedException {
            running.acquire();
            try {
                exits.exiting(new FrozenThread(task.id(), 0, 0, 0, clearTid));
                task.exit(clearTid);
            } finally {
                running.release();
            }
        }
    }

    void watch(ExitListener listener) {
        exits = listener;
    }

    /** Returns when no thread is in an operation; none begins one before {@link #resume}. */
    void stop() throws TargetException {
        try {
            if (!running.tryAcquire(OPERATIONS_MAX, patience.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new TargetException(
                        "a thread of emulated process " + process.id() + " did not stop in time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TargetException(
                    "interrupted while stopping emulated process " + process.id(), e);
        }
    }

    void resume() {
        running.release(OPERATIONS_MAX);
    }
}
