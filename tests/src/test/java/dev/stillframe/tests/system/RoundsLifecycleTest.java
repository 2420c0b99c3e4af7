package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What processes and threads do while rounds copy their memory: they end, fork, are replaced, and
 * lock mutexes that the kernel takes part in. Nothing of it fails, and their own watchdogs would
 * say so.
 */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class RoundsLifecycleTest {
    /** No pause is as short as that, so there are three rounds at least. */
    private static final SnapshotOptions MANY_ROUNDS =
            Snapshots.options().withInstant(InstantChoice.END).withPauseTarget(Duration.ofNanos(1));

    private static final long REPLACED_BYTES = 16L << 20;

    @ParameterizedTest
    @ValueSource(strings = {"0", "1"})
    void roundsDoNotDisturbThreadsThatEndAndChildren(String fork) throws Exception {
        mustStayWell("lifecycle", List.of("--fork", fork), Campaign.turns(3, 100));
    }

    /** Whatever the kernel answers, these calls of the C library would end the process. */
    @Test
    void noCallForAMutexFails() throws Exception {
        mustStayWell("mutexes", List.of(), Campaign.turns(10, 200));
    }

    private static void mustStayWell(String program, List<String> arguments, int turns)
            throws Exception {
        try (TargetProcess target = TargetProcess.startNative(program, arguments)) {
            target.awaitReady();
            for (int turn = 0; turn < turns; turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    SnapshotReport report = take(target, image, Probe.NONE);
                    assertThat(report.course().atEnd()).isTrue();
                    assertThat(report.course().rounds()).isGreaterThanOrEqualTo(3);
                    assertThat(image.layout().threads().getFirst().tid()).isEqualTo(target.pid());
                } finally {
                    image.free();
                }
                assertThat(target.isAlive()).as("alive after snapshot %d", turn).isTrue();
                assertThat(target.unread()).as("what it said in snapshot %d", turn).isEmpty();
            }
            assertThat(new ProcessFacts(target.pid()).protectedMappings()).isEmpty();
            target.terminate();
            assertThat(target.nextLine()).startsWith("OK");
            assertThat(target.awaitExit()).isZero();
        }
    }

    /** No image shows two programs as one, and the second is not disturbed. */
    @ParameterizedTest
    @CsvSource({"rounds: take,1", "rounds: take,2", "rounds: copy,1", "rounds: copy,2"})
    void aProgramThatIsReplacedDuringTheRoundsIsNotTakenForTheFirst(String point, int call)
            throws Exception {
        try (TargetProcess target = TargetProcess.startNative("execs", List.of())) {
            target.awaitReady();
            AtomicInteger calls = new AtomicInteger();
            List<Map<String, Long>> replaced = new ArrayList<>();
            Probe replacing =
                    passed -> {
                        if (passed.equals(point) && calls.incrementAndGet() == call) {
                            replaced.add(replace(target));
                        }
                    };
            assertThat(mustHoldNothingOfTheFirst(target, replacing, replaced)).isFalse();
            assertThat(replaced).hasSize(1);
            assertThat(new ProcessFacts(target.pid()).protectedMappings()).isEmpty();
            assertThat(mustHoldNothingOfTheFirst(target, Probe.NONE, replaced)).isTrue();
        }
    }

    /** Whether there is an image at all; where the second has its memory, it may be missing. */
    private static boolean mustHoldNothingOfTheFirst(
            TargetProcess target, Probe probe, List<Map<String, Long>> replaced) throws Exception {
        MemoryImage image = new MemoryImage();
        try {
            take(target, image, probe);
            long start = replaced.getFirst().getOrDefault("address", 0L);
            AddressRange range = new AddressRange(start, start + REPLACED_BYTES);
            MemorySegment bytes = image.read(range);
            for (long at = 0; at < bytes.byteSize(); at += Long.BYTES) {
                if (bytes.get(ValueLayout.JAVA_LONG, at) != 2) {
                    assertThat(image.isMissing(start + at)).as("%x is missing", at).isTrue();
                }
            }
            return true;
        } catch (SnapshotException e) {
            assertThat(image.isPublished()).isFalse();
            return false;
        } finally {
            image.free();
        }
    }

    private static Map<String, Long> replace(TargetProcess target) {
        try {
            target.writeLine("next");
            return target.awaitReady();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static SnapshotReport take(TargetProcess target, MemoryImage image, Probe probe)
            throws Exception {
        return new Snapshot(
                        MANY_ROUNDS,
                        new SimpleMeterRegistry(),
                        Progress.NONE,
                        new Snapshot.Seams(probe, Snapshot.Seams.NONE.reader()))
                .take(target.pid(), image);
    }
}
