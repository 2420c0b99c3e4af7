package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.FreeMemory;
import dev.stillframe.engine.linux.NativeMemory;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetProcess;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Takes images of running processes. Thread-safe; each call of {@link #take} is a snapshot of its
 * own with threads of its own. Time is the registry's clock.
 */
public final class Snapshot {
    /**
     * For what is copied in the freeze, before the sink knows what will come: changed pages of
     * files, and each thread's own.
     */
    private static final long FREEZE_RESERVE_BYTES = Freeze.CHANGED_LIMIT_BYTES / 4;

    /** What the end of the rounds needs, where they come to one. */
    private static final long ROUND_STAGING_BYTES = 128L << 20;

    /** Of what the host has free, staging takes so much by itself. */
    private static final int PART_OF_FREE = 4;

    private static final long THREAD_RESERVE_BYTES = 8 * Block.PAGE_BYTES;

    private final SnapshotOptions options;
    private final MeterRegistry registry;
    private final Clock clock;
    private final Progress progress;
    private final Seams seams;

    /**
     * Where tests put themselves in between.
     *
     * @param probe told at every point where being killed must do no harm
     * @param reader decorates the reader of the target's pages
     * @param view decorates each view of the target's protection
     * @param marks decorates the marks of what is written
     */
    public record Seams(
            Probe probe,
            ReaderDecorator reader,
            UnaryOperator<ProtectionView> view,
            UnaryOperator<WriteMarks> marks) {
        /** Nobody in between. */
        public static final Seams NONE = new Seams(Probe.NONE, (reader, tracker) -> reader);

        /** The marks are as they are. */
        public Seams(Probe probe, ReaderDecorator reader, UnaryOperator<ProtectionView> view) {
            this(probe, reader, view, UnaryOperator.identity());
        }

        /** What is seen of the protection is so. */
        public Seams(Probe probe, ReaderDecorator reader) {
            this(probe, reader, UnaryOperator.identity());
        }
    }

    /** Puts something between the engine and the target's pages. */
    @FunctionalInterface
    public interface ReaderDecorator {
        /** A reader in place of {@code reader}; {@code tracker} protects the pages. */
        PageReader decorate(PageReader reader, WriteTracker tracker);
    }

    /** With {@code registry} for the figures and {@code progress} to be told how far it is. */
    public Snapshot(SnapshotOptions options, MeterRegistry registry, Progress progress) {
        this(options, registry, progress, Seams.NONE);
    }

    /** For tests. */
    public Snapshot(
            SnapshotOptions options, MeterRegistry registry, Progress progress, Seams seams) {
        this.options = options;
        this.registry = registry;
        this.clock = registry.config().clock();
        this.progress = progress;
        this.seams = seams;
    }

    /**
     * Takes a snapshot of process {@code pid} into {@code sink}, and closes the sink.
     *
     * @throws SnapshotException if it did not come about; nothing is published, and the target runs
     *     on unharmed
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    public SnapshotReport take(int pid, PageSink sink)
            throws SnapshotException, InterruptedException {
        return take("process " + pid, () -> TargetProcess.open(pid), sink, isWatched());
    }

    /** Who watches every step wants to see the real one alone. */
    private boolean isWatched() {
        return !seams.equals(Seams.NONE);
    }

    /**
     * The dry run that the first snapshot of a process with its instant at the start does by
     * itself, for whoever wants it over with before.
     */
    public static void warmUp(SnapshotOptions options) throws InterruptedException {
        WarmUp.once(options);
    }

    /** The same of a target that is already open, without a dry run; it is closed at the end. */
    public SnapshotReport take(Target target, PageSink sink)
            throws SnapshotException, InterruptedException {
        return take(target, sink, true);
    }

    /**
     * The same of a target that is already open; it is closed at the end, whatever that is.
     *
     * @param isCold whether to do without a {@linkplain #warmUp dry run}, if it comes to the
     *     instant at the start
     * @throws SnapshotException if it did not come about; nothing is published, and the target runs
     *     on unharmed
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    public SnapshotReport take(Target target, PageSink sink, boolean isCold)
            throws SnapshotException, InterruptedException {
        return take("the target", () -> target, sink, isCold);
    }

    /** Without the dry run before. */
    SnapshotReport takeCold(int pid, PageSink sink) throws SnapshotException, InterruptedException {
        return take("process " + pid, () -> TargetProcess.open(pid), sink, true);
    }

    @FunctionalInterface
    private interface Opener {
        Target open() throws IOException;
    }

    /** What a snapshot consists of. */
    @FunctionalInterface
    interface Steps {
        SnapshotReport take(long startNanos) throws IOException, InterruptedException;
    }

    private SnapshotReport take(String name, Opener opener, PageSink sink, boolean isCold)
            throws SnapshotException, InterruptedException {
        return take(name, sink, startNanos -> take(opener, sink, startNanos, isCold));
    }

    SnapshotReport take(String name, PageSink sink, Steps steps)
            throws SnapshotException, InterruptedException {
        long startNanos = clock.monotonicTime();
        try (sink) {
            try {
                progress.at(Progress.Step.PREPARE, 0, 0);
                SnapshotReport report = steps.take(startNanos);
                SnapshotMetrics.record(registry, report);
                return report;
            } catch (IOException e) {
                sink.abort(String.valueOf(e.getMessage()));
                if (Thread.interrupted()) {
                    throw (InterruptedException)
                            new InterruptedException("snapshot of " + name).initCause(e);
                }
                throw new SnapshotException("no snapshot of " + name + ": " + reason(e), e);
            } catch (RuntimeException | Error e) {
                sink.abort("the snapshot was stopped: " + e);
                throw e;
            }
        }
    }

    /** Whichever call heard first that the target is gone. */
    private static String reason(IOException e) {
        for (@Nullable Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof ErrnoException errno && errno.is(Errno.ESRCH)) {
                return "the target has ended, or runs another program now";
            }
        }
        return String.valueOf(e.getMessage());
    }

    private SnapshotReport take(Opener opener, PageSink sink, long startNanos, boolean isCold)
            throws IOException, InterruptedException {
        try (Target target = opener.open();
                Marking marking = mark(target, false)) {
            Ordinals ordinals = marking.ordinals();
            if (options.rounds().instant() == InstantChoice.START) {
                return takeAtStart(
                        target,
                        sink,
                        new SnapshotRun.Rounds(ordinals, false, SnapshotReport.Course.START),
                        startNanos,
                        isCold);
            }
            RoundsRun.Outcome outcome;
            try (Staging staging = roundStaging(target)) {
                outcome = takeAtEnd(target, marking, staging, sink, startNanos);
            }
            return report(outcome, target, ordinals, sink, startNanos, isCold);
        }
    }

    Marking mark(Target target, boolean stays) {
        return new Marking(target, seams.marks(), stays, clock);
    }

    /** Where the rounds came to no end, the instant is at the start after all. */
    SnapshotReport report(
            RoundsRun.Outcome outcome,
            Target target,
            Ordinals ordinals,
            PageSink sink,
            long startNanos,
            boolean isCold)
            throws IOException, InterruptedException {
        return switch (outcome) {
            case RoundsRun.Outcome.Taken(var report) -> report;
            case RoundsRun.Outcome.Never never ->
                    takeAtStart(
                            target,
                            sink,
                            new SnapshotRun.Rounds(ordinals, true, never.course()),
                            startNanos,
                            isCold);
        };
    }

    RoundsRun.Outcome takeAtEnd(
            Target target, Marking marking, Staging staging, PageSink sink, long startNanos)
            throws IOException {
        try (Attachment attachment = target.attach(seams.probe(), clock);
                RoundsRun run =
                        new RoundsRun(
                                new RoundsRun.Parts(
                                        target,
                                        attachment,
                                        staging,
                                        sink,
                                        progress,
                                        seams,
                                        marking),
                                options,
                                startNanos)) {
            return run.take();
        }
    }

    /** What the rounds need; the caller closes it. */
    Staging roundStaging(Target target) throws IOException {
        return staging(roundStagingBytes(target));
    }

    /** Where the end is wanted in any case, all that is left is copied while the target stands. */
    private long roundStagingBytes(Target target) throws IOException {
        return options.rounds().instant() == InstantChoice.END || !target.canBeMadeToWait()
                ? stagingBytes(target)
                : Math.min(wantedStagingBytes(), ROUND_STAGING_BYTES) + FREEZE_RESERVE_BYTES;
    }

    private long wantedStagingBytes() throws IOException {
        return options.stagingBytes() == SnapshotOptions.STAGING_BY_MEMORY
                ? Math.max(SnapshotOptions.MIN_STAGING_BYTES, FreeMemory.bytes() / PART_OF_FREE)
                : options.stagingBytes();
    }

    private SnapshotReport takeAtStart(
            Target target,
            PageSink sink,
            SnapshotRun.Rounds before,
            long startNanos,
            boolean isCold)
            throws IOException, InterruptedException {
        if (!isCold) {
            WarmUp.once(options);
        }
        SharedObjects shared = new SharedObjects(target, options.trustsOwnDescriptors());
        try (Staging staging = staging(stagingBytes(target));
                Attachment attachment = target.attach(seams.probe(), clock);
                SnapshotRun run =
                        new SnapshotRun(
                                target, attachment, staging, sink, progress, shared, before)) {
            run.prepare();
            progress.at(Progress.Step.ATTACH, 0, 0);
            long attachNanos = clock.monotonicTime();
            WriteTracker tracker = attachment.tracker();
            Capture capture =
                    new Capture(
                            tracker,
                            seams.reader().decorate(target::read, tracker),
                            () -> seams.view().apply(target.protection()),
                            staging,
                            options,
                            seams.probe());
            return run.take(capture, startNanos, attachNanos);
        }
    }

    private Staging staging(long bytes) throws IOException {
        NativeMemory memory = NativeMemory.map(Staging.memoryBytes(bytes, options.workers()));
        memory.touch(clock);
        return new Staging(memory.segment(), options.workers(), memory::close, clock);
    }

    /**
     * As much as was asked for, but not more than the target could fill: touching memory takes
     * long.
     */
    private long stagingBytes(Target target) throws IOException {
        long useful = target.residentBytes() / 4 * 5 + SnapshotOptions.MIN_STAGING_BYTES;
        return Math.min(wantedStagingBytes(), useful)
                + FREEZE_RESERVE_BYTES
                + target.threadCount() * THREAD_RESERVE_BYTES;
    }
}
