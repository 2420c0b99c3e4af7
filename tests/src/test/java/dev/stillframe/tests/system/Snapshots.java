package dev.stillframe.tests.system;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.PageSink;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import java.time.Duration;

/** Snapshots as the tests take them. Stateless. */
public final class Snapshots {
    private Snapshots() {}

    /** Options that a laptop can afford. */
    public static SnapshotOptions options() {
        return withStaging(
                SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors()), 256L << 20);
    }

    /** The same options with another staging pool. */
    public static SnapshotOptions withStaging(SnapshotOptions options, long stagingBytes) {
        return new SnapshotOptions(
                stagingBytes,
                options.stopBudget(),
                options.pauseBudget(),
                options.stallTimeout(),
                options.workers(),
                options.trustsOwnDescriptors(),
                options.tuning());
    }

    /** The same options with another number of workers. */
    public static SnapshotOptions withWorkers(SnapshotOptions options, int workers) {
        return new SnapshotOptions(
                options.stagingBytes(),
                options.stopBudget(),
                options.pauseBudget(),
                options.stallTimeout(),
                workers,
                options.trustsOwnDescriptors(),
                options.tuning());
    }

    /** The same options with another patience for the sink. */
    public static SnapshotOptions withStallTimeout(SnapshotOptions options, Duration timeout) {
        return new SnapshotOptions(
                options.stagingBytes(),
                options.stopBudget(),
                options.pauseBudget(),
                timeout,
                options.workers(),
                options.trustsOwnDescriptors(),
                options.tuning());
    }

    /** Takes one with {@link #options()}. */
    public static SnapshotReport take(int pid, PageSink sink)
            throws SnapshotException, InterruptedException {
        return take(pid, sink, options(), Progress.NONE);
    }

    /** Takes one with something of the test's in between. */
    public static SnapshotReport takeBetween(int pid, PageSink sink, Snapshot.Seams seams)
            throws SnapshotException, InterruptedException {
        return new Snapshot(options(), new SimpleMeterRegistry(), Progress.NONE, seams)
                .take(pid, sink);
    }

    /** Takes one. */
    public static SnapshotReport take(
            int pid, PageSink sink, SnapshotOptions options, Progress progress)
            throws SnapshotException, InterruptedException {
        return new Snapshot(options, new SimpleMeterRegistry(), progress).take(pid, sink);
    }
}
