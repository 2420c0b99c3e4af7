package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetProcess;
import dev.stillframe.engine.staging.Staging;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A process that is captured again and again. Between two snapshots the kernel goes on marking what
 * is written, so that only that is read for the next image; of the rest the sink is told that the
 * image before has it ({@link PageKind#IN_PARENT}). Each page that is written costs the process one
 * fault of the kernel's own after each snapshot; nobody ever waits for us, and if we are killed
 * nothing of it is left. Huge pages that were written are small until this is closed.
 *
 * <p>What no protection sees is not seen here either, for as long as the watch lasts: a device that
 * writes into a page that it holds, for instance. Shared memory, which others can write, is read
 * anew each time.
 *
 * <p>Owned by one thread at a time.
 */
public final class WatchedProcess implements AutoCloseable {
    private final String name;
    private final Snapshot snapshot;
    private final Target target;
    private final Marking marking;

    /** Kept, because touching it takes long. */
    private @Nullable Staging staging;

    private WatchedProcess(String name, Snapshot snapshot, Target target) {
        this.name = name;
        this.snapshot = snapshot;
        this.target = target;
        this.marking = snapshot.mark(target, true);
    }

    /**
     * Gets hold of process {@code pid}; nothing is marked before the first snapshot.
     *
     * @param options with an instant that is not always the start
     * @throws SnapshotException if it is not ours to capture
     */
    public static WatchedProcess open(
            int pid, SnapshotOptions options, MeterRegistry registry, Progress progress)
            throws SnapshotException {
        try {
            return of(
                    "process " + pid,
                    TargetProcess.open(pid),
                    new Snapshot(options, registry, progress));
        } catch (IOException e) {
            throw new SnapshotException("no watch of process " + pid + ": " + e.getMessage(), e);
        }
    }

    /** The same of a target that is already open; it is closed with this. */
    public static WatchedProcess of(String name, Target target, Snapshot snapshot) {
        return new WatchedProcess(name, snapshot, target);
    }

    /**
     * Whether the next snapshot goes on from the last one. If not, because there is none or it
     * failed, everything is read.
     */
    public boolean goesOn() {
        return marking.goesOn();
    }

    /** Whether the process has ended, or nobody can tell any more. */
    public boolean hasEnded() {
        try {
            return target.mappings().isEmpty();
        } catch (IOException e) {
            return true;
        }
    }

    /** The next snapshot reads everything: the last image is lost. */
    public void startAnew() {
        marking.close();
    }

    /**
     * Takes a snapshot into {@code sink}, and closes the sink. If this {@linkplain #goesOn goes
     * on}, the sink has the last image as its parent.
     *
     * @throws SnapshotException if it did not come about; nothing is published, the process runs on
     *     unharmed, and the next one reads everything
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    public SnapshotReport take(PageSink sink) throws SnapshotException, InterruptedException {
        boolean done = false;
        try {
            SnapshotReport report = snapshot.take(name, sink, startNanos -> take(sink, startNanos));
            done = true;
            return report;
        } finally {
            if (!done) {
                marking.close();
                freeStaging();
            }
        }
    }

    private SnapshotReport take(PageSink sink, long startNanos)
            throws IOException, InterruptedException {
        Ordinals ordinals = marking.ordinals();
        Staging room = staging;
        if (room == null) {
            room = snapshot.roundStaging(target);
            staging = room;
        }
        RoundsRun.Outcome outcome = snapshot.takeAtEnd(target, marking, room, sink, startNanos);
        return snapshot.report(outcome, target, ordinals, sink, startNanos, true);
    }

    private void freeStaging() {
        if (staging != null) {
            staging.close();
            staging = null;
        }
    }

    /** Takes all marks away and makes huge pages huge again. Idempotent. */
    @Override
    public void close() {
        marking.release();
        freeStaging();
        target.close();
    }
}
