package dev.stillframe.agent.job;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.MeterRegistry;

/** Takes a snapshot: the engine, or a fake in tests. */
@FunctionalInterface
public interface SnapshotTaker {
    /**
     * What a snapshot is taken with.
     *
     * @param options what the user chose
     * @param registry where measures go
     * @param progress told how far it is
     */
    record Setting(SnapshotOptions options, MeterRegistry registry, Progress progress) {}

    /**
     * Takes the snapshot in the calling thread; an interrupt ends it.
     *
     * @param sink finished or aborted by this call; closing it again does no harm
     * @throws SnapshotException if there is none; the target is released and nothing is published
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    SnapshotReport take(int pid, PageSink sink, Setting setting)
            throws SnapshotException, InterruptedException;
}
