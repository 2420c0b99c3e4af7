package dev.stillframe.tests.system;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

/** Snapshots as the tests take them. Stateless. */
public final class Snapshots {
    private Snapshots() {}

    /** Options that a laptop can afford. */
    public static SnapshotOptions options() {
        return SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors())
                .withInstant(InstantChoice.START)
                .withStagingBytes(256L << 20);
    }

    /** Takes one with {@link #options()}. */
    public static SnapshotReport take(int pid, PageSink sink)
            throws SnapshotException, InterruptedException {
        return take(pid, sink, options(), Progress.NONE);
    }

    /** Takes one with something of the test's in between. */
    public static SnapshotReport takeBetween(int pid, PageSink sink, Snapshot.Seams seams)
            throws SnapshotException, InterruptedException {
        return takeBetween(pid, sink, seams, InstantChoice.START);
    }

    /** The same with the instant elsewhere. */
    public static SnapshotReport takeBetween(
            int pid, PageSink sink, Snapshot.Seams seams, InstantChoice instant)
            throws SnapshotException, InterruptedException {
        return new Snapshot(
                        options().withInstant(instant),
                        new SimpleMeterRegistry(),
                        Progress.NONE,
                        seams)
                .take(pid, sink);
    }

    /** Takes one. */
    public static SnapshotReport take(
            int pid, PageSink sink, SnapshotOptions options, Progress progress)
            throws SnapshotException, InterruptedException {
        return new Snapshot(options, new SimpleMeterRegistry(), progress).take(pid, sink);
    }
}
