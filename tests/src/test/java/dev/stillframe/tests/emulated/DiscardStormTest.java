package dev.stillframe.tests.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.BlockingTask.Start;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.image.ThrottledSink;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.system.Snapshots;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Many threads that do nothing but discard memory and touch it again: some event is always unread,
 * so most of what the engine asks for is answered EAGAIN. The snapshot ends all the same.
 */
@Timeout(300)
class DiscardStormTest {
    private static final int PAGE = Mmu.PAGE_BYTES;
    private static final int THREADS = 8;
    private static final int PAGES = 16;
    private static final long BYTES = (long) PAGES * PAGE;

    /** More than staging holds. */
    private static final int STILL_PAGES = (16 << 20) / PAGE;

    private static final long SINK_BYTES_PER_SECOND = 32 << 20;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    private final Mmu mmu = Mmu.inTurns(CowPolicy.MODERN);
    private final EmulatedProcess process = mmu.newProcess();
    private final EmulatedThreads threads = new EmulatedThreads(process, PATIENCE);

    /**
     * Discards its range and fills it with the number of its turn, which it then shows on its
     * board.
     */
    private final class Discarding implements AutoCloseable {
        final long board = process.mapAnonymous(PAGE);
        final long range = process.mapAnonymous(BYTES);
        private final EmulatedThreads.Running running = threads.newThread();
        private long turn;
        private final Repeating thread = new Repeating("emulated-discarding", this::turn);

        private void turn() throws InterruptedException, TimeoutException {
            long now = ++turn;
            run(task -> task.memory().advise(range, BYTES, Advice.DONTNEED));
            for (int page = 0; page < PAGES; page++) {
                long at = range + (long) page * PAGE;
                run(task -> task.store(at, now, Long.BYTES));
            }
            run(task -> task.store(board, now, Long.BYTES));
        }

        private void run(Start operation) throws InterruptedException, TimeoutException {
            assertThat(running.run(operation)).isInstanceOf(Outcome.Done.class);
        }

        /**
         * Every page is of the turn that the board shows, of the next, just discarded, or listed.
         */
        void check(MemoryImage image) {
            assertThat(image.isMissing(board)).isFalse();
            long shown = word(image, board);
            for (long at = range; at < range + BYTES; at += PAGE) {
                if (!image.isMissing(at) && image.kind(at).orElseThrow() == PageKind.DATA) {
                    assertThat(word(image, at)).isBetween(shown, shown + 1);
                }
            }
        }

        @Override
        public void close() {
            thread.close();
        }
    }

    @Test
    void aSnapshotEndsAndIsExact() throws Exception {
        long still = process.mapAnonymous((long) STILL_PAGES * PAGE);
        for (int page = 0; page < STILL_PAGES; page++) {
            process.task().store(still + (long) page * PAGE, ~page, Long.BYTES);
        }
        List<Discarding> storm = new ArrayList<>();
        try {
            for (int i = 0; i < THREADS; i++) {
                storm.add(new Discarding());
            }
            for (int turn = 0; turn < Campaign.turns(1, 10); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    take(image);
                    for (int page = 0; page < STILL_PAGES; page++) {
                        long at = still + (long) page * PAGE;
                        assertThat(image.isMissing(at)).isFalse();
                        assertThat(word(image, at)).isEqualTo(~page);
                    }
                    storm.forEach(each -> each.check(image));
                } finally {
                    image.free();
                }
            }
        } finally {
            storm.forEach(Discarding::close);
        }
    }

    private static long word(MemoryImage image, long page) {
        return image.read(new AddressRange(page, page + PAGE)).get(WORD, 0);
    }

    private void take(MemoryImage image) throws Exception {
        SnapshotOptions small =
                Snapshots.options().withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES);
        new Snapshot(small, new SimpleMeterRegistry(), Progress.NONE)
                .take(
                        new EmulatedTarget(mmu, threads),
                        new ThrottledSink(image, SINK_BYTES_PER_SECOND));
    }
}
