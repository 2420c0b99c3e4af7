package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.TargetProcess;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.concurrent.TimeUnit;

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
}
