package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.FailingSink;
import dev.stillframe.tests.image.FailingSink.Failure;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.target.Health;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.TargetProcess;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What cannot work is refused or given up with words that help, and the target is let go. */
@Timeout(180)
class BadInputTest {
    private static final long SIZE_BYTES = 64L << 20;

    @Test
    void aProcessThatIsNotThereIsNamed() throws Exception {
        int pid;
        try (TargetProcess gone = TargetProcess.start(List.of("sleep", "1000"))) {
            pid = gone.pid();
            gone.kill();
            gone.awaitExit();
        }
        assertThatThrownBy(() -> Snapshots.take(pid, new MemoryImage()))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining(Integer.toString(pid));
    }

    @Test
    void thisProcessIsRefused() {
        int self = (int) ProcessHandle.current().pid();
        assertThatThrownBy(() -> Snapshots.take(self, new MemoryImage()))
                .isInstanceOf(SnapshotException.class);
    }

    @Test
    void aTargetThatAnotherTracesIsRefused() throws Exception {
        try (OracleTarget target =
                        OracleTarget.start(Settings.of("anon", SIZE_BYTES, 1), Seed.value());
                TargetProcess gdb =
                        TargetProcess.start(
                                List.of(
                                        "gdb",
                                        "-nx",
                                        "-q",
                                        "-p",
                                        Integer.toString(target.pid()),
                                        "-ex",
                                        "echo attached\\n",
                                        "-ex",
                                        "shell sleep 100"))) {
            gdb.awaitLine("attached");
            assertThatThrownBy(() -> Snapshots.take(target.pid(), new MemoryImage()))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("trace");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Progress.Step.class,
            names = {"ARM", "FREEZE", "SWEEP"})
    void aTargetThatDiesOnTheWayPublishesNothing(Progress.Step last) throws Exception {
        try (OracleTarget target =
                OracleTarget.start(Settings.of("anon", SIZE_BYTES, 2), Seed.value())) {
            MemoryImage image = new MemoryImage();
            Progress killer =
                    (step, done, total) -> {
                        if (step == last) {
                            target.process().kill();
                        }
                    };
            assertThatThrownBy(
                            () -> Snapshots.take(target.pid(), image, Snapshots.options(), killer))
                    .isInstanceOf(SnapshotException.class);
            assertThat(image.isPublished()).isFalse();
            image.free();
        }
    }

    @ParameterizedTest
    @EnumSource(Failure.class)
    void aSinkThatFailsEndsTheSnapshotAndFreesTheTarget(Failure failure) throws Exception {
        Settings settings = Settings.of("anon", SIZE_BYTES, 2).withCounters();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            Health before = Health.of(target);
            FailingSink sink = new FailingSink(failure, 2);
            assertThatThrownBy(
                            () ->
                                    Snapshots.take(
                                            target.pid(),
                                            sink,
                                            Snapshots.options()
                                                    .withStagingBytes(8 << 20)
                                                    .withStallTimeout(Duration.ofSeconds(2)),
                                            Progress.NONE))
                    .isInstanceOf(SnapshotException.class);
            assertThat(sink.isFinished()).isFalse();
            before.mustHoldFor(target);
            Snapshots.take(target.pid(), new DiscardingSink()); // and it can be had again
        }
    }
}
