package dev.stillframe.agent.job;

import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.PageSink;

/** A process that is captured again and again: the engine's, or a fake in tests. */
public interface Watched extends AutoCloseable {
    /**
     * Takes a snapshot in the calling thread; an interrupt ends it.
     *
     * @param sink whose parent is the last image, unless this starts anew; finished or aborted and
     *     closed by this call
     * @throws SnapshotException if there is none; the next one reads everything
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    SnapshotReport take(PageSink sink) throws SnapshotException, InterruptedException;

    /** The next one reads everything. */
    void startAnew();

    /** Whether the process is no more. */
    boolean hasEnded();

    /** Lets the process go. */
    @Override
    void close();

    /** Gets hold of a process. */
    @FunctionalInterface
    interface Starter {
        /**
         * Of process {@code pid}; the caller closes it.
         *
         * @throws SnapshotException if it is not ours to capture
         */
        Watched start(int pid, SnapshotTaker.Setting setting) throws SnapshotException;
    }
}
