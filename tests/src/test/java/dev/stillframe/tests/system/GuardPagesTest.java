package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.image.SequenceCheck;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Guard pages (MADV_GUARD_INSTALL) take the protection of empty pages away without a word: what is
 * filled there before T0, and discarded after it, was no hole.
 */
@Timeout(60)
class GuardPagesTest {
    private static final int PAGE = 4096;
    private static final int FIRST = 64;
    private static final long DEADLINE_NANOS = 20_000_000_000L;

    @Test
    void whatWasFilledWhereGuardsHadBeenIsNotZeros() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("guards", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            AddressRange filled =
                    new AddressRange(
                            facts.getOrDefault("start", 0L), facts.getOrDefault("end", 0L));
            MemoryImage image = new MemoryImage();
            try {
                new Snapshot(
                                Snapshots.options().withWorkers(1),
                                new SimpleMeterRegistry(),
                                Progress.NONE,
                                new Snapshot.Seams(
                                        new Director(target), (reader, tracker) -> reader))
                        .take(target.pid(), image);
                assertThat(image.ending().missing())
                        .noneMatch(missing -> missing.range().overlaps(filled));
                for (long at = filled.start(); at < filled.end(); at += PAGE) {
                    long page = FIRST + (at - filled.start()) / PAGE;
                    assertThat(SequenceCheck.first(image.read(new AddressRange(at, at + PAGE))))
                            .isEqualTo(page);
                }
            } finally {
                image.free();
            }
        }
    }

    /** Fills before T0; discards after it, before the holes are released. */
    private static final class Director implements Probe {
        private final TargetProcess target;
        private final AtomicBoolean prepared = new AtomicBoolean();
        private final AtomicBoolean told = new AtomicBoolean();

        Director(TargetProcess target) {
            this.target = target;
        }

        @Override
        public void at(String point) {
            try {
                if (point.equals("tracer: freeze") && prepared.compareAndSet(false, true)) {
                    target.writeLine("prepare");
                    target.awaitLine("did prepare");
                }
                if (point.equals("sweep: release holes") && told.compareAndSet(false, true)) {
                    target.writeLine("act");
                    awaitDiscard();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException | TimeoutException e) {
                throw new IllegalStateException(e);
            }
        }

        /** Until the target waits for us to read of it. */
        private void awaitDiscard() throws IOException {
            Path waitsIn = Path.of("/proc", String.valueOf(target.pid()), "wchan");
            long until = System.nanoTime() + DEADLINE_NANOS;
            while (!Files.readString(waitsIn).contains("userfaultfd")) {
                assertThat(System.nanoTime()).as("the target discards").isLessThan(until);
                Thread.onSpinWait();
            }
        }
    }
}
