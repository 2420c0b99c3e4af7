package dev.stillframe.tests.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.BlockingTask.Start;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.Signals;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Between two steps of the first arming pass, the target moves memory that is protected onto a
 * place that a later step is to protect, and writes there. Whichever worker reads the fault, the
 * page is for the one that arms to release.
 */
@Timeout(120)
class MoveWhileArmingTest {
    private static final int PAGE = Mmu.PAGE_BYTES;
    private static final long FIRST = 1L << 40;

    /** So many blocks, of one page each, that arming takes many steps. */
    private static final int BLOCKS = 128;

    private static final long LAST = FIRST + (BLOCKS - 1) * Mmu.HUGE_BYTES;
    private static final int STEP_OF_THE_MOVE = 2;
    private static final int STEPS = BLOCKS / 8;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Mmu mmu = new Mmu(CowPolicy.MODERN);
    private final EmulatedProcess process = mmu.newProcess();
    private final EmulatedThreads threads = new EmulatedThreads(process, PATIENCE);

    /** With more workers, one that does not arm may read the fault. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void aWriteToProtectedMemoryThatWasMovedWhereNothingIsArmedYetGoesOn(int workers)
            throws Exception {
        EmulatedThreads.Running filler = threads.newThread();
        for (long at = FIRST; at <= LAST; at += Mmu.HUGE_BYTES) {
            long page = at;
            process.mapAnonymousAt(page, PAGE);
            done(filler, task -> task.store(page, page, Long.BYTES));
            done(filler, task -> task.store(page + Long.BYTES, page, Long.BYTES));
        }
        Mover mover = new Mover();
        MemoryImage image = new MemoryImage();
        FutureTask<SnapshotReport> snapshot =
                new FutureTask<>(() -> snapshot(image, mover, workers));
        Thread.ofPlatform().name("snapshot").daemon().start(snapshot);
        // A worker that waits for itself gives up after minutes; the rest of the test is over at
        // once.
        SnapshotReport report =
                snapshot.get(PATIENCE.multipliedBy(2).toSeconds(), TimeUnit.SECONDS);
        try {
            assertThat(mover.steps).as("steps of arming").isEqualTo(STEPS);
            assertThat(mover.moving.get(0, TimeUnit.SECONDS)).isInstanceOf(Outcome.Done.class);
            assertThat(mover.writing.get(0, TimeUnit.SECONDS)).isInstanceOf(Outcome.Done.class);
            assertThat(report.missing()).isEmpty();
            MemorySegment moved = image.read(new AddressRange(LAST, LAST + PAGE));
            assertThat(moved.get(ValueLayout.JAVA_LONG_UNALIGNED, 0))
                    .as("what was written")
                    .isEqualTo(42);
            assertThat(moved.get(ValueLayout.JAVA_LONG_UNALIGNED, Long.BYTES))
                    .as("what came with the move")
                    .isEqualTo(FIRST);
            assertThat(image.layout().regions())
                    .noneMatch(region -> region.range().contains(FIRST));
        } finally {
            image.free();
        }
    }

    private SnapshotReport snapshot(MemoryImage image, Probe probe, int workers) throws Exception {
        Snapshot.Seams seams = new Snapshot.Seams(probe, Snapshot.Seams.NONE.reader());
        return new Snapshot(
                        Snapshots.options().withWorkers(workers),
                        new SimpleMeterRegistry(),
                        Progress.NONE,
                        seams)
                .take(new EmulatedTarget(mmu, threads), image);
    }

    private static void done(EmulatedThreads.Running thread, Start operation) throws Exception {
        assertThat(thread.run(operation)).isInstanceOf(Outcome.Done.class);
    }

    /**
     * Moves the first page onto the last one when the second step of arming begins, writes there
     * when the third begins, and holds the last step until the write is done.
     */
    private final class Mover implements Probe {
        private final EmulatedThreads.Running running = threads.newThread();
        private final Task task = process.tasks().getLast();
        private final FutureTask<Outcome> moving =
                new FutureTask<>(() -> running.run(t -> t.memory().remapTo(FIRST, PAGE, LAST)));
        private final FutureTask<Outcome> writing =
                new FutureTask<>(() -> running.run(t -> t.store(LAST, 42, Long.BYTES)));
        private int steps;

        @Override
        public void at(String point) {
            if (!point.equals("arm: protect")) {
                return;
            }
            steps++;
            if (steps == STEP_OF_THE_MOVE) {
                Thread.ofPlatform().name("mover").daemon().start(moving);
                await(
                        "the move waits for its events to be read",
                        () -> task.isParked() || moving.isDone());
            } else if (steps == STEP_OF_THE_MOVE + 1) {
                await(
                        "the end of the move",
                        moving::isDone); // the step before could not succeed until it had ended
                Thread.ofPlatform().name("writer").daemon().start(writing);
                await("the write waits for its page", () -> task.isParked() || writing.isDone());
            } else if (steps == STEPS) { // this one arms the last page
                await("the end of the write", writing::isDone);
            }
        }

        private static void await(String what, Callable<Boolean> condition) {
            try {
                Signals.await(what, condition);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
