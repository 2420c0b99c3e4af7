package dev.stillframe.tests.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.system.Snapshots;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A sink that takes nothing for a while, and more memory than staging holds: the sweep leaves a
 * part of it to the writers, which go on.
 */
@Timeout(120)
class StalledSinkTest {
    private static final int PAGE = Mmu.PAGE_BYTES;
    private static final long FIRST = 1L << 40;
    private static final int PAGES = (64 << 20) / PAGE;

    /** Pages that are copied with the one that was written to. */
    private static final int FAULT_AROUND = 16;

    /** All together they copy less than what is left to them, whichever worker answers. */
    private static final int WRITES = 60;

    /** The last quarter was used and holds nothing. */
    private static final int ZEROS_FROM = PAGES / 4 * 3;

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Mmu mmu = new Mmu(CowPolicy.MODERN);
    private final EmulatedProcess process = mmu.newProcess();
    private final EmulatedThreads threads = new EmulatedThreads(process, PATIENCE);
    private final CountDownLatch stalled = new CountDownLatch(1);
    private final CountDownLatch goesOn = new CountDownLatch(1);

    /** Takes its first batch only when it is let. */
    private final class StallingSink extends ForwardingSink {
        StallingSink(PageSink next) {
            super(next);
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            stalled.countDown();
            try {
                if (!goesOn.await(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                    throw new IOException("nobody let the sink go on");
                }
            } catch (InterruptedException e) {
                throw (IOException) new InterruptedIOException().initCause(e);
            }
            super.accept(batch);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,true", "2,true", "4,true", "2,false"})
    void writersGoOn(int workers, boolean spin) throws Exception {
        EmulatedThreads.Running writer = threads.newThread();
        process.mapAnonymousAt(FIRST, (long) PAGES * PAGE);
        for (int page = 0; page < PAGES; page++) {
            store(writer, page, page < ZEROS_FROM ? ~page : 0);
        }
        MemoryImage image = new MemoryImage();
        FutureTask<SnapshotReport> snapshot =
                new FutureTask<>(() -> snapshot(image, workers, spin));
        Thread.ofPlatform().name("snapshot").daemon().start(snapshot);
        try {
            assertThat(stalled.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .as("half of staging is full")
                    .isTrue();
            for (int write = 1;
                    write <= WRITES;
                    write++) { // from behind, where the sweep is not yet
                store(writer, ZEROS_FROM - write * FAULT_AROUND, 42);
            }
            goesOn.countDown();
            SnapshotReport report = snapshot.get(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS);
            assertThat(report.missing()).isEmpty();
            assertThat(report.captured().pages()).isEqualTo(PAGES);
            assertThat(report.captured().zeroPages()).isEqualTo(PAGES - ZEROS_FROM);
            for (int page = 0; page < PAGES; page++) {
                assertPage(image, page);
            }
        } finally {
            goesOn.countDown();
            image.free();
        }
    }

    private void assertPage(MemoryImage image, int page) {
        long at = FIRST + (long) page * PAGE;
        if (page < ZEROS_FROM) {
            assertThat(
                            image.read(new AddressRange(at, at + PAGE))
                                    .get(ValueLayout.JAVA_LONG_UNALIGNED, 0))
                    .isEqualTo(~page);
        } else {
            assertThat(image.kind(at)).contains(PageKind.ZERO);
        }
    }

    private static void store(EmulatedThreads.Running writer, int page, long value)
            throws Exception {
        long at = FIRST + (long) page * PAGE;
        assertThat(writer.run(task -> task.store(at, value, Long.BYTES)))
                .isInstanceOf(Outcome.Done.class);
    }

    private SnapshotReport snapshot(MemoryImage image, int workers, boolean spin) throws Exception {
        SnapshotOptions small =
                Snapshots.options()
                        .withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES)
                        .withWorkers(workers)
                        .withTuning(new SnapshotOptions.Tuning(FAULT_AROUND, spin, true));
        return new Snapshot(small, new SimpleMeterRegistry(), Progress.NONE)
                .take(new EmulatedTarget(mmu, threads), new StallingSink(image));
    }
}
