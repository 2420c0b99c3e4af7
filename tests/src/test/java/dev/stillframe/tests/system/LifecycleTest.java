package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A target whose threads come and go, die holding robust mutexes and take 1,000 signals a second
 * does not notice snapshots: its own watchdog would say so.
 */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class LifecycleTest {
    @ParameterizedTest
    @ValueSource(strings = {"0", "1"})
    void snapshotsDoNotDisturbThreadsThatEnd(String fork) throws Exception {
        try (TargetProcess target =
                TargetProcess.startNative("lifecycle", List.of("--fork", fork))) {
            target.awaitReady();
            for (int turn = 0; turn < Campaign.turns(10, 100); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    assertThat(image.isPublished()).isTrue();
                    assertThat(image.layout().threads().getFirst().tid()).isEqualTo(target.pid());
                } finally {
                    image.free();
                }
                assertThat(target.isAlive()).as("alive after snapshot %d", turn).isTrue();
            }
            assertThat(new ProcessFacts(target.pid()).protectedMappings()).isEmpty();
            target.terminate();
            assertThat(target.awaitLine("OK")).contains("signals=");
            assertThat(target.awaitExit()).isZero();
        }
    }

    /**
     * A thread that ends while arming waits for its pages; if they stay protected, no image is to
     * be believed.
     */
    @Test
    void anExitThatCannotBeLetGoFailsTheSnapshot() throws Exception {
        CountDownLatch released = new CountDownLatch(1);
        Probe standing =
                point -> {
                    if (point.equals("arm: protect")) {
                        await(released);
                    } else if (point.equals("release: stop the workers")) {
                        released.countDown();
                    }
                };
        try (TargetProcess target =
                TargetProcess.startNative("lifecycle", List.of("--fork", "0"))) {
            target.awaitReady();
            MemoryImage image = new MemoryImage();
            try {
                assertThatThrownBy(
                                () ->
                                        Snapshots.takeBetween(
                                                target.pid(),
                                                image,
                                                new Snapshot.Seams(
                                                        standing, Snapshot.Seams.NONE.reader())))
                        .isInstanceOf(SnapshotException.class)
                        .hasMessageContaining("could not be let go");
                assertThat(image.isPublished()).isFalse();
            } finally {
                image.free();
            }
            target.terminate();
            assertThat(target.awaitLine("OK")).contains("signals=");
            assertThat(target.awaitExit()).isZero();
        }
    }

    /**
     * There is no room below its stack pointer that is known to be unused; twice, because the first
     * leaves a trace.
     */
    @Test
    void aMainThreadOnAStackOfItsOwnIsUnharmed() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("ownstack", List.of())) {
            long turns = target.awaitReady().getOrDefault("address", 0L);
            for (int turn = 0; turn < 2; turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    assertThat(image.ending().missing()).isEmpty();
                } finally {
                    image.free();
                }
                ProcessFacts facts = new ProcessFacts(target.pid());
                byte[] before = facts.memory(turns, Long.BYTES);
                Signals.await(
                        "more turns",
                        () -> !Arrays.equals(facts.memory(turns, Long.BYTES), before));
            }
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts a worker", e);
        }
    }
}
