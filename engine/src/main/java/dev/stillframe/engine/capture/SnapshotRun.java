package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Scheduling;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.staging.Drain;
import dev.stillframe.engine.staging.Places;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot, told in its steps. Owned by the thread that takes it. {@link #close} is the one
 * place that undoes everything, whatever had been reached: first the target goes on, then we wait
 * for ourselves.
 */
final class SnapshotRun implements AutoCloseable {
    private static final int DRAIN_NICE = 10;
    private static final int MAX_PASSES = 4;
    private static final int FEW_HOT_PAGES = 512;
    private static final long POLL_NANOS = 200_000;
    private static final long THREAD_WAIT_NANOS = 10_000_000_000L;

    /** Arming follows the size of the memory, 20 ms per GiB; this is far beyond. */
    private static final Duration ARM_LIMIT = Duration.ofMinutes(5);

    /** The target stands meanwhile: rather no snapshot than longer than this. */
    private static final Duration FREEZE_LIMIT = Duration.ofSeconds(5);

    private final Target target;
    private final Attachment attachment;
    private final Staging staging;
    private final PageSink sink;
    private final Progress progress;
    private final SharedObjects shared;
    private final Ordinals ordinals;
    private final SnapshotReport.Course course;
    private Map<Long, Set<String>> flags = Map.of();
    private @Nullable Capture capture;
    private @Nullable Drain drain;
    private @Nullable Registration registration;
    private Stage stage = new Stage.Attached();
    private boolean isDraining;
    private final boolean sinkHasBegun;
    private boolean closed;

    /**
     * What came before.
     *
     * @param ordinals those that pages have already
     * @param sinkHasBegun whether the sink knows of them
     * @param course why it comes to this
     */
    record Rounds(Ordinals ordinals, boolean sinkHasBegun, SnapshotReport.Course course) {}

    SnapshotRun(
            Target target,
            Attachment attachment,
            Staging staging,
            PageSink sink,
            Progress progress,
            SharedObjects shared,
            Rounds before) {
        this.target = target;
        this.attachment = attachment;
        this.staging = staging;
        this.sink = sink;
        this.progress = progress;
        this.shared = shared;
        this.ordinals = before.ordinals();
        this.course = before.course();
        this.sinkHasBegun = before.sinkHasBegun();
    }

    /** What can be learnt without touching the target. */
    void prepare() throws IOException {
        target.refuseOwnUserfaultfd();
        shared.before();
        flags = target.mappingFlags();
        for (Map.Entry<Long, Set<String>> mapping : flags.entrySet()) {
            if (mapping.getValue().contains("uw")
                    || mapping.getValue().contains("um")
                    || mapping.getValue().contains("ui")) {
                throw new TargetException(
                        "the target uses a userfaultfd of its own on the mapping at %x, or another snapshot of it is running"
                                .formatted(mapping.getKey()));
            }
        }
    }

    /** The snapshot itself, from a tracker that is not yet enabled. */
    SnapshotReport take(Capture capture, long startNanos, long attachNanos) throws IOException {
        this.capture = capture;
        try {
            return takeSteps(capture, startNanos, attachNanos);
        } catch (Throwable t) { // whatever it is, the target must not suffer from it
            capture.fail(t);
            close(t);
            throw t;
        }
    }

    private SnapshotReport takeSteps(Capture capture, long startNanos, long attachNanos)
            throws IOException {
        capture.probe.at("attach: enable");
        stage = stage.on(Stage.Event.PROTECT);
        capture.tracker.enable();
        Registration registered = new Registration(target, capture);
        registration = registered;
        Drain draining =
                new Drain(
                        staging,
                        sink,
                        capture.options.stallTimeout(),
                        capture,
                        SnapshotRun::giveWay);
        drain = draining;
        start(capture, draining);
        progress.at(Progress.Step.ARM, 0, 0);
        Arming arming = new Arming(capture, registered);
        arm(capture, registered, arming);

        progress.at(Progress.Step.FREEZE, 0, 0);
        List<Block> hottestFirst = hottestFirst(capture);
        stage = stage.on(Stage.Event.STOP);
        Attachment.Standing standing = attachment.freeze(capture.options.stopBudget());
        long freezeNanos = standing.sinceNanos();
        List<FrozenThread> frozen = standing.threads();
        Instant instant = Instant.ofEpochMilli(capture.clock.wallTime());
        Freeze freeze =
                new Freeze(
                        capture,
                        target,
                        registered,
                        arming,
                        new Freeze.Discovered(flags, frozen, shared.others()));
        capture.workers.getFirst().assign(freeze);
        List<ThreadState> states = attachment.states();
        awaitFirst(capture, FREEZE_LIMIT, "the freeze");
        capture.probe.at("freeze: thaw");
        attachment.thaw();
        long thawNanos = capture.clock.monotonicTime();
        stage = stage.on(Stage.Event.THAW);

        progress.at(Progress.Step.SWEEP, 0, 0);
        sweep(capture, hottestFirst);
        Layout layout = layout(capture, registered, freeze, instant, states);
        Places places = new Places(layout);
        // Until the writers are free the processors are theirs and the sweep's, as long as staging
        // holds what comes.
        awaitWork(
                capture,
                staging::isHalfFull,
                () -> tell(capture, draining, layout, Progress.Step.SWEEP));
        draining.begin(layout, places, sinkHasBegun);
        shared.afterwards(
                freeze.mappings()); // not before: staging fills until the drain takes from it
        awaitWork(capture, () -> false, () -> tell(capture, draining, layout, Progress.Step.SWEEP));
        awaitAnswers(capture);
        List<Missing> missing =
                new ArrayList<>(shared.atEnd(capture, registered, freeze.mappings(), instant));
        capture.probe.at("release: take the protection away");
        registered.giveBack();
        capture.stop();
        Undo.all(null, this::releaseTarget, this::awaitWorkers);
        capture.probe.at("release: done");
        capture.check();
        new Relief(target, capture.table.blocks()).run();
        attachment.confirm();
        missing.addAll(freeze.missing());
        Accounting accounting = new Accounting(capture.table, registered, places, draining);
        Published published = publish(capture, draining, layout, accounting, missing);
        return report(
                published,
                capture,
                draining,
                new Times(startNanos, attachNanos, freezeNanos, thawNanos));
    }

    /** The drain gives way to the target and to the workers. */
    private static void giveWay() {
        try {
            Scheduling.nice(DRAIN_NICE);
        } catch (ErrnoException e) {
            throw new IllegalStateException("a thread may always become nicer", e);
        }
    }

    private record Times(long start, long attach, long freeze, long thaw) {}

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Published(String image, byte[] rootHash, List<Missing> missing) {}

    private void start(Capture capture, Drain draining) throws IOException {
        // Without spinning a worker sleeps in poll, and the sweep needs another. Each may hold a
        // block that it has begun.
        int least = capture.options.tuning().spin() ? 1 : 2;
        int count = Math.clamp(capture.options.workers(), least, staging.blocks() / 2);
        List<Worker> workers = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            workers.add(new Worker(capture, capture.views.open()));
        }
        capture.workers = List.copyOf(workers);
        int started = 0;
        try {
            for (; started < count; started++) {
                Role.WORKER.start(started, workers.get(started));
            }
        } catch (Throwable t) { // no thread could be made
            capture.fail(t);
            workers.subList(started, count).forEach(Worker::run); // they end at once
            throw t;
        }
        Role.DRAIN.start(draining);
        isDraining = true;
    }

    private void arm(Capture capture, Registration registered, Arming arming) throws IOException {
        attachment.watch(new ExitsWhileArming(capture, target, arming), capture::fail);
        List<Mapping> mappings = target.mappings();
        shared.others().small(mappings).forEach(range -> arming.exempt(range.start(), range.end()));
        for (Mapping mapping : mappings) {
            Treatment treatment = Treatment.of(mapping, flags);
            if (treatment.way() == Treatment.Way.PROTECT) {
                capture.probe.at("arm: register");
                registered.add(mapping, treatment, Claim.ARMING);
            }
        }
        registered.publish();
        assign(capture, arming.first());
        for (int pass = 1; pass < MAX_PASSES && arming.hotPages() > FEW_HOT_PAGES; pass++) {
            assign(capture, arming.again());
        }
    }

    private static void assign(Capture capture, Work work) throws IOException {
        capture.workers.getFirst().assign(work);
        awaitFirst(capture, ARM_LIMIT, "arming");
    }

    /** Until the arming worker has finished what it was given; it unparks us. */
    private static void awaitFirst(Capture capture, Duration limit, String what)
            throws IOException {
        Deadline deadline = Deadline.in(capture.clock, limit);
        while (capture.workers.getFirst().hasWork() && !capture.isStopped()) {
            capture.check();
            if (deadline.hasPassed()) {
                throw new TargetException(
                        "%s took longer than %d s".formatted(what, limit.toSeconds()));
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        capture.check();
    }

    private static List<Block> hottestFirst(Capture capture) {
        List<Block> blocks = new ArrayList<>(capture.table.blocks());
        Map<Block, Integer> heat = new HashMap<>();
        blocks.forEach(block -> heat.put(block, block.isWarm() ? block.count(Claim.HOT) : 0));
        blocks.sort(
                Comparator.comparingInt((Block block) -> heat.getOrDefault(block, 0)).reversed());
        return blocks;
    }

    private static void sweep(Capture capture, List<Block> hottestFirst) {
        List<Block> order = new ArrayList<>(hottestFirst);
        Set<Block> known = new HashSet<>();
        known.addAll(order);
        for (Block block : capture.table.blocks()) {
            if (known.add(block)) { // found in the freeze
                order.add(block);
            }
        }
        Sweep sweep = new Sweep(capture, order);
        // Without spinning the last worker is left to the faults.
        int sweepers =
                capture.options.tuning().spin()
                        ? capture.workers.size()
                        : capture.workers.size() - 1;
        capture.workers.subList(0, sweepers).forEach(worker -> worker.assign(sweep.share()));
    }

    /** Until the workers have finished what they were given, or {@code enough}. */
    private static void awaitWork(Capture capture, BooleanSupplier enough, Runnable tell)
            throws IOException {
        while (capture.workers.stream().anyMatch(Worker::hasWork) && !enough.getAsBoolean()) {
            capture.check();
            tell.run();
            LockSupport.parkNanos(POLL_NANOS);
        }
        capture.check();
    }

    /** What the sweep found claimed is being copied for a fault, or because it was moved. */
    private static void awaitAnswers(Capture capture) throws IOException {
        for (Worker worker : capture.workers) {
            long mark = worker.answering().mark();
            while (!worker.answering().hasEnded(mark) || capture.movedPages.get() > 0) {
                capture.check();
                LockSupport.parkNanos(POLL_NANOS);
            }
        }
    }

    private void tell(Capture capture, Drain draining, Layout layout, Progress.Step step) {
        long done = (draining.dataPages() + zeroPages(capture, draining)) * Block.PAGE_BYTES;
        progress.at(step, done, layout.pageCount() * Block.PAGE_BYTES);
    }

    private static long zeroPages(Capture capture, Drain draining) {
        return draining.zeroPages() + capture.zeroPages.sum();
    }

    private Layout layout(
            Capture capture,
            Registration registered,
            Freeze freeze,
            Instant instant,
            List<ThreadState> states)
            throws IOException {
        LayoutBuilder builder = new LayoutBuilder(target, flags, ordinals);
        SweptContent content =
                new SweptContent(capture.table, registered, freeze, flags, target.isSolid());
        return new Layout(
                Block.PAGE_BYTES,
                Layout.epochNanos(instant),
                target.source(),
                target.auxv(),
                states,
                builder.regions(freeze.mappings(), content),
                target.machine());
    }

    private Published publish(
            Capture capture,
            Drain draining,
            Layout layout,
            Accounting accounting,
            List<Missing> found)
            throws IOException {
        draining.finish();
        while (!draining.awaitEnd(POLL_NANOS)) {
            capture.check();
            tell(capture, draining, layout, Progress.Step.DRAIN);
        }
        capture.check();
        accounting.settle(found);
        List<Missing> missing = Missing.once(found);
        progress.at(Progress.Step.PUBLISH, 0, 0);
        byte[] rootHash = RootHash.of(layout, missing, draining.ledger());
        return new Published(sink.finish(new Ending(missing, rootHash)), rootHash, missing);
    }

    private SnapshotReport report(Published published, Capture capture, Drain draining, Times times)
            throws IOException {
        Histogram latency = new Histogram(3);
        long lastCopy = times.thaw();
        for (Worker worker : capture.workers) {
            latency.add(worker.latency());
            lastCopy = Math.max(lastCopy, worker.copier().lastCopyNanos());
        }
        long zeroPages = zeroPages(capture, draining);
        long pages = draining.dataPages() + zeroPages;
        return new SnapshotReport(
                published.image(),
                HexFormat.of().formatHex(published.rootHash()),
                course,
                new SnapshotReport.Captured(pages * Block.PAGE_BYTES, pages, zeroPages, 0),
                new SnapshotReport.Times(
                        times.thaw() - times.freeze(),
                        times.freeze() - times.attach(),
                        lastCopy - times.freeze(),
                        capture.clock.monotonicTime() - times.start()),
                new SnapshotReport.Waits(
                        latency.getTotalCount(),
                        latency.getValueAtPercentile(50),
                        latency.getValueAtPercentile(99),
                        latency.getMaxValue(),
                        staging.waitedNanos()),
                published.missing());
    }

    /**
     * Lets the target go: no protection, no registration, no parked writer is left, and nobody
     * stands. Idempotent.
     */
    private void releaseTarget() throws IOException {
        Capture known = capture;
        if (known != null && stage.isProtected()) {
            boolean held = stage.isHeld();
            stage = stage.on(Stage.Event.RELEASE);
            Undo.all(null, () -> releaseMemory(known), held ? attachment::thaw : () -> {});
        }
    }

    private static void releaseMemory(Capture known) throws IOException {
        try {
            known.tracker.release();
        } catch (IOException e) {
            known.tracker.close(); // the target comes first, even if a worker may stumble over it
            throw e;
        }
    }

    /** What it does not outlive is not given back: it may still copy. */
    private void awaitWorkers() {
        Capture known = capture;
        if (known == null) {
            return;
        }
        known.stop();
        for (Worker worker : known.workers) {
            if (!worker.awaitEnd(THREAD_WAIT_NANOS)) {
                staging.abandon();
                known.fail(
                        new IllegalStateException(
                                "a worker did not end; its memory is left to it"));
            }
        }
        if (known.workers.stream().allMatch(worker -> worker.awaitEnd(0))) {
            known.tracker.close();
        }
    }

    /** It may be waiting for a receiver that never comes back. */
    private void endDrain() {
        Drain known = drain;
        if (known == null) {
            return;
        }
        if (isDraining && !known.awaitEnd(0)) {
            known.interrupt();
            if (!known.awaitEnd(THREAD_WAIT_NANOS)) {
                staging.abandon();
                throw new IllegalStateException(
                        "the sink keeps the drain; its memory is left to it");
            }
        }
    }

    /** It may still hold memory of batches. */
    private void closeSink(@Nullable Throwable cause) {
        if (cause != null) {
            sink.abort(String.valueOf(cause.getMessage()));
        }
        sink.close();
    }

    private void freeDrain() {
        if (drain != null && (!isDraining || drain.awaitEnd(0))) {
            drain.free();
        }
    }

    private void closeFiles() {
        if (registration != null) {
            registration.close();
        }
    }

    private void close(@Nullable Throwable cause) {
        if (closed) {
            return;
        }
        closed = true;
        Undo.all(
                cause,
                this::releaseTarget,
                attachment::close,
                this::awaitWorkers,
                this::endDrain,
                () -> closeSink(cause),
                this::freeDrain,
                this::closeFiles);
    }

    @Override
    public void close() {
        close(null);
    }
}
