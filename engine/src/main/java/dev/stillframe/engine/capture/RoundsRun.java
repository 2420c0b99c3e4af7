package dev.stillframe.engine.capture;

import static java.util.Objects.requireNonNull;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Scheduling;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.process.TargetProcess;
import dev.stillframe.engine.staging.Drain;
import dev.stillframe.engine.staging.Places;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One snapshot whose instant is at the end, told in its steps: rounds that copy what was written
 * since the round before, while nobody waits for us, and then a short freeze. Owned by the thread
 * that takes it.
 */
final class RoundsRun implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RoundsRun.class);
    private static final int NICE = 5;
    private static final int MOST_ROUNDS = 12;
    private static final long PIECE_BYTES = 8 * Block.BYTES;

    /** They are copied in 20 ms. */
    private static final long FEW_PAGES = 8192;

    private static final long POLL_NANOS = 200_000;
    private static final long THREAD_WAIT_NANOS = 10_000_000_000L;

    /** A single page, of those that lie far apart: those of a first round lie side by side. */
    private static final double LEAST_NANOS_PER_PAGE = 2_000;

    private final Parts parts;
    private final Target target;
    private final Ordinals ordinals;
    private final SnapshotOptions options;
    private final Clock clock;
    private final Failure failure = new Failure();
    private final Drain drain;
    private final RoundCopier copier;
    private final OthersMemory others;
    private final List<Missing> shared = new ArrayList<>();
    private final List<Convergence.Round> rounds = new ArrayList<>();
    private final Convergence convergence;
    private final long startNanos;
    private Map<Long, Set<String>> flags = Map.of();
    private boolean isPublished;
    private boolean isDraining;
    private boolean hasBegun;
    private boolean isHeld;
    private boolean leavesSink;

    /** What it works with; not its own. */
    record Parts(
            Target target,
            Attachment attachment,
            Staging staging,
            PageSink sink,
            Progress progress,
            Snapshot.Seams seams,
            Marking marking) {}

    /** What came of it. */
    sealed interface Outcome {
        /** An image. */
        record Taken(SnapshotReport report) implements Outcome {}

        /** None yet: the rounds do not come to an end. The sink has been begun. */
        record Never(SnapshotReport.Course course) implements Outcome {}
    }

    RoundsRun(Parts parts, SnapshotOptions options, long startNanos) {
        this.parts = parts;
        this.target = parts.target();
        this.ordinals = parts.marking().ordinals();
        this.options = options;
        this.clock = parts.staging().clock();
        this.startNanos = startNanos;
        this.others = new OthersMemory(target, options.trustsOwnDescriptors());
        this.drain =
                new Drain(
                        parts.staging(),
                        parts.sink(),
                        options.stallTimeout(),
                        failure,
                        RoundsRun::giveWay);
        this.copier =
                new RoundCopier(
                        target,
                        parts.staging(),
                        ordinals,
                        failure,
                        new CpuLimit(options.rounds().mostProcessors(), clock));
        this.convergence = new Convergence(options.rounds().pauseTarget(), MOST_ROUNDS);
    }

    /** All of it but the end. */
    Outcome take() throws IOException {
        try {
            return takeSteps();
        } catch (
                Throwable t) { // whatever it is, the other end is to hear of it before it is closed
            failure.fail(t);
            leavesSink = false;
            parts.sink().abort(String.valueOf(t.getMessage()));
            throw t;
        }
    }

    private Outcome takeSteps() throws IOException {
        target.refuseOwnUserfaultfd();
        flags = target.mappingFlags();
        parts.progress().at(Progress.Step.ATTACH, 0, 0);
        MarkedMemory marked =
                parts.marking().begin(parts.attachment(), flags, parts.seams().probe());
        Role.DRAIN.start(drain);
        isDraining = true;
        others.begin();
        while (true) {
            onRoundThread(() -> round(marked));
            Convergence.Decision decision = convergence.decide(rounds);
            LOG.debug("round {}: {}, {}", rounds.size(), rounds.getLast(), decision);
            switch (decision) {
                case Convergence.Decision.Again _ -> {}
                case Convergence.Decision.Freeze _ -> {
                    SnapshotReport report = finish(marked, "", true);
                    if (report != null) {
                        return new Outcome.Taken(report);
                    }
                }
                case Convergence.Decision.Never(String reason) -> {
                    if (options.rounds().instant() == InstantChoice.END
                            || !target.canBeMadeToWait()) {
                        awaitRoom(reason);
                        return new Outcome.Taken(requireNonNull(finish(marked, reason, false)));
                    }
                    leavesSink = true; // whoever goes on begins where this ends
                    drain.finish();
                    await(() -> drain.awaitEnd(POLL_NANOS), Progress.Step.ROUNDS);
                    awaitMemory();
                    return new Outcome.Never(
                            new SnapshotReport.Course(
                                    false,
                                    rounds.size(),
                                    false,
                                    rounds.getLast().pauseNanos(),
                                    reason));
                }
            }
        }
    }

    /**
     * Until all staging is free. A receiver may not have the last batches on its disk yet: until
     * then they are sent again.
     */
    private void awaitMemory() throws IOException {
        Staging staging = parts.staging();
        int free = -1;
        Deadline deadline = Deadline.in(clock, options.stallTimeout());
        while (staging.freeBlocks() < staging.blocks() || !drain.hasAllBack()) {
            failure.check();
            tell(Progress.Step.ROUNDS);
            if (staging.freeBlocks() > free) {
                free = staging.freeBlocks();
                deadline = Deadline.in(clock, options.stallTimeout());
            } else if (deadline.hasPassed()) {
                throw new TargetException(
                        "the receiving end has not stored the last pages for %d s; look at its disk and network, or give it longer with --timeout"
                                .formatted(options.stallTimeout().toSeconds()));
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /** All that is left has to fit into staging: nothing empties it while the target stands. */
    private void awaitRoom(String reason) throws IOException {
        long left = rounds.getLast().leftPages();
        if (left > roomPages(parts.staging().blocks())) {
            throw new TargetException(
                    reason + ": give more with --staging, or take the instant at the start");
        }
        // More may be written until the threads stand, up to all that there is.
        awaitMemory();
    }

    /** A part is left for what nobody marks, and for what is written meanwhile. */
    private static long roomPages(int blocks) {
        return blocks * 3L / 4 * Block.PAGES;
    }

    /** Whatever takes long is done by a thread that gives way to the target. */
    private void onRoundThread(Step step) throws IOException {
        Thread thread =
                Role.ROUND.start(
                        () -> {
                            try {
                                if (stepNow() != Progress.Step.LAST_ROUNDS) {
                                    giveWay();
                                }
                                step.run();
                            } catch (Throwable t) { // the thread's top: the run hears of it
                                failure.fail(t);
                            }
                        });
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
                failure.fail(e);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        failure.check();
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }

    private static void giveWay() {
        try {
            Scheduling.giveWay(NICE);
        } catch (ErrnoException e) {
            throw new IllegalStateException("a thread may always become nicer", e);
        }
    }

    private void round(MarkedMemory marked) throws IOException {
        boolean first = rounds.isEmpty();
        tell(stepNow());
        parts.seams().probe().at("rounds: take");
        marked.refresh();
        if (first) {
            lookAtOthers(marked);
            others.small(marked.mappings());
            others.freeze(marked.tracked());
        }
        long takenNanos = clock.monotonicTime();
        List<MarkedMemory.Found> found = marked.take(parts.marking().relief());
        for (MarkedMemory.Found each : found) {
            cover(each);
        }
        for (Mapping mapping : marked.mappings()) {
            if (LastLook.isRehearsed(marked, mapping)) {
                ordinals.cover(mapping.range().start(), mapping.range().end());
            }
        }
        amend(draft(marked));
        parts.seams().probe().at("rounds: copy");
        long pages = copier.pages();
        long nanos = copier.nanos();
        for (MarkedMemory.Found each : found) {
            copy(marked, each);
        }
        copier.endRound();
        if (first && !parts.marking().goesOn() && target instanceof TargetProcess) {
            Rehearsal.stopAndStart(clock);
        }
        rounds.add(
                measure(
                        marked,
                        takenNanos,
                        (double) (copier.nanos() - nanos) / Math.max(1, copier.pages() - pages)));
    }

    private void copy(MarkedMemory marked, MarkedMemory.Found found) throws IOException {
        if (found.pending() == null) {
            copier.copy(found.mapping(), found.written());
            return;
        }
        for (AddressRange range : LastLook.blocks(found.mapping().range(), found.written())) {
            for (long at = range.start(); at < range.end(); ) {
                long end = Math.min(range.end(), Block.startOf(at) + PIECE_BYTES);
                copier.copy(found.mapping(), marked.takePiece(found, new AddressRange(at, end)));
                at = end;
            }
        }
    }

    private Progress.Step stepNow() {
        if (rounds.isEmpty()) {
            return Progress.Step.FIRST_ROUND;
        }
        return rounds.getLast().leftPages() > FEW_PAGES
                ? Progress.Step.ROUNDS
                : Progress.Step.LAST_ROUNDS;
    }

    private void lookAtOthers(MarkedMemory marked) throws IOException {
        shared.addAll(target.sharedElsewhere(marked.mappings()));
        others.look(marked.mappings());
    }

    /** Whole blocks get ordinals, so that what is written beside has its place there. */
    private void cover(MarkedMemory.Found found) {
        AddressRange range = found.mapping().range();
        PageRuns runs = found.written();
        boolean exact = found.mapping().kind().isFile();
        if (target.isSolid()) {
            ordinals.cover(range.start(), range.end());
        }
        for (int run = 0; run < runs.count(); run++) {
            long start = exact ? runs.start(run) : Block.startOf(runs.start(run));
            long end = exact ? runs.end(run) : Block.startOf(runs.end(run) - 1) + Block.BYTES;
            ordinals.cover(Math.max(start, range.start()), Math.min(end, range.end()));
        }
    }

    /** What it would take to freeze now; done in every round, so that it is practised. */
    private Convergence.Round measure(MarkedMemory marked, long takenNanos, double nanosPerPage)
            throws IOException {
        long from = Scheduling.threadCpuNanos();
        long left = new LastLook(target, marked, ordinals, copier, others).rehearse();
        return new Convergence.Round(
                left,
                (clock.monotonicTime() - takenNanos) / 2, // marked piece by piece
                Scheduling.threadCpuNanos() - from,
                Math.max(nanosPerPage, LEAST_NANOS_PER_PAGE),
                roomPages(parts.staging().freeBlocks()));
    }

    private Layout draft(MarkedMemory marked) throws IOException {
        return layout(
                marked.mappings(),
                Instant.EPOCH,
                List.of(),
                mapping -> ordinals.covered(mapping.range()));
    }

    private Layout layout(
            List<Mapping> mappings,
            Instant instant,
            List<ThreadState> states,
            LayoutBuilder.Content content)
            throws IOException {
        return new Layout(
                Block.PAGE_BYTES,
                Layout.epochNanos(instant),
                target.source(),
                target.auxv(),
                states,
                new LayoutBuilder(target, flags, ordinals).regions(mappings, content),
                instant.equals(Instant.EPOCH) ? null : target.machine());
    }

    private void amend(Layout layout) {
        if (hasBegun) {
            drain.amend(layout, new Places(layout));
        } else {
            drain.begin(layout, new Places(layout), false);
            hasBegun = true;
        }
        copier.beginRound();
    }

    private void await(BooleanSupplier reached, Progress.Step step) throws IOException {
        while (!reached.getAsBoolean()) {
            failure.check();
            tell(step);
            LockSupport.parkNanos(POLL_NANOS);
        }
        failure.check();
    }

    private void tell(Progress.Step step) {
        long done = (drain.dataPages() + drain.zeroPages()) * Block.PAGE_BYTES;
        parts.progress().at(step, done, Math.max(done, ordinals.count() * Block.PAGE_BYTES));
    }

    /** Null if {@code mayGoOn} and the target went on, because too much was left for a pause. */
    private @Nullable SnapshotReport finish(MarkedMemory marked, String reason, boolean mayGoOn)
            throws IOException {
        Attachment attachment = parts.attachment();
        parts.progress().at(Progress.Step.FREEZE, 0, 0);
        LastLook last = new LastLook(target, marked, ordinals, copier, others);
        isHeld = true;
        attachment.watch(Attachment.ExitListener.NONE, failure::fail);
        long predictedNanos = rounds.getLast().pauseNanos();
        parts.seams().probe().at("rounds: stop");
        Attachment.Standing standing = attachment.freeze(options.stopBudget());
        Instant instant = Instant.ofEpochMilli(clock.wallTime());
        parts.seams().probe().at("rounds: last look");
        Convergence.Round found = rounds.getLast().found(last.look());
        if (mayGoOn && convergence.isTooMuch(found)) {
            attachment.thaw();
            isHeld = false;
            rounds.add(found);
            LOG.debug("goes on: {} were left when the target stood", found);
            return null;
        }
        copier.keep();
        last.take();
        List<Missing> changed = others.changed(marked.tracked(), instant);
        List<ThreadState> states = attachment.states();
        parts.seams().probe().at("rounds: thaw");
        attachment.thaw();
        isHeld = false;
        long pauseNanos = clock.monotonicTime() - standing.sinceNanos();
        lookAtOthers(marked);
        last.settle(target.isSolid());
        Layout layout = layout(marked.mappings(), instant, states, last::content);
        amend(layout);
        copier.submitKept();
        parts.seams().probe().at("rounds: give back");
        parts.marking().end(last.found());
        // Not before: who gives way while he holds the lock of an address space keeps it waiting.
        parts.progress().at(Progress.Step.DRAIN, 0, 0);
        attachment.confirm();
        List<Missing> missing = new ArrayList<>(shared);
        missing.addAll(changed);
        missing.addAll(marked.refused());
        Published published = publish(layout, last, missing);
        parts.marking().published(layout, drain.takeLedger());
        isPublished = true;
        return report(
                published,
                new SnapshotReport.Course(
                        true, rounds.size(), reason.isEmpty(), predictedNanos, reason),
                standing.sinceNanos(),
                pauseNanos);
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Published(String image, byte[] rootHash, List<Missing> missing) {}

    private Published publish(Layout layout, LastLook last, List<Missing> missing)
            throws IOException {
        drain.finish();
        await(() -> drain.awaitEnd(POLL_NANOS), Progress.Step.DRAIN);
        last.account(
                new LastLook.Settling() {
                    @Override
                    public void empty(long start, long end) throws IOException {
                        send(PageKind.ZERO, start, end);
                    }

                    @Override
                    public void lost(long start, long end) throws IOException {
                        send(PageKind.LOST, start, end);
                    }
                });
        drain.endEmpty();
        if (parts.marking().goesOn()) {
            drain.sendUnchanged(layout, parts.marking().known());
        }
        missing.addAll(last.missing());
        List<Missing> once = Missing.once(missing);
        parts.progress().at(Progress.Step.PUBLISH, 0, 0);
        byte[] rootHash = RootHash.of(layout, once, drain.ledger());
        return new Published(parts.sink().finish(new Ending(once, rootHash)), rootHash, once);
    }

    private void send(PageKind kind, long start, long end) throws IOException {
        for (long at = start; at < end; ) {
            long stop = ordinals.runEnd(at, end);
            drain.sendEmpty(kind, ordinals.of(at), (stop - at) / Block.PAGE_BYTES);
            at = stop;
        }
    }

    private SnapshotReport report(
            Published published, SnapshotReport.Course course, long freezeNanos, long pauseNanos) {
        long pages = drain.dataPages() + drain.zeroPages();
        return new SnapshotReport(
                published.image(),
                HexFormat.of().formatHex(published.rootHash()),
                course,
                new SnapshotReport.Captured(
                        pages * Block.PAGE_BYTES, pages, drain.zeroPages(), drain.unchangedPages()),
                new SnapshotReport.Times(
                        pauseNanos,
                        freezeNanos - startNanos,
                        pauseNanos,
                        clock.monotonicTime() - startNanos),
                new SnapshotReport.Waits(0, 0, 0, 0, parts.staging().waitedNanos()),
                published.missing());
    }

    /**
     * Lets the target go, and ends what is ours; the sink as well, unless somebody goes on with it.
     */
    @Override
    public void close() {
        Undo.all(
                null,
                isHeld ? parts.attachment()::thaw : Undo.NOTHING,
                isPublished && parts.marking().stays() ? Undo.NOTHING : parts.marking()::close,
                parts.attachment()::close,
                this::endDrain,
                leavesSink ? Undo.NOTHING : parts.sink()::close,
                this::freeDrain,
                copier::close);
    }

    private void endDrain() {
        if (!isDraining || drain.awaitEnd(0)) {
            return;
        }
        if (leavesSink) {
            drain.finish();
        } else {
            drain.interrupt();
        }
        if (!drain.awaitEnd(THREAD_WAIT_NANOS)) {
            parts.staging().abandon();
            throw new IllegalStateException("the sink keeps the drain; its memory is left to it");
        }
    }

    private void freeDrain() {
        if (!isDraining || drain.awaitEnd(0)) {
            drain.free();
        }
    }
}
