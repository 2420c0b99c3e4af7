package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.NativeProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * QEMU runs as a user of its own, as under libvirt: it may make no full userfaultfd, so the instant
 * is at the end.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class OtherUsersQemuTest {
    private static final int MEMORY_MIB = 256;
    private static final int LOAD_MIB = 16;
    private static final int SLOW = 2_000; // operations a second

    /** So long that also on a busy machine the rounds come to their end. */
    private static final Duration LONG_PAUSE = Duration.ofSeconds(2);

    /** QEMU as that user without any right of root's, given the directory that Guest makes. */
    private static final String AS_NOBODY =
            """
            for word; do case $word in */pid) chown -R nobody "${word%/pid}";; *.initramfs) chmod a+r "$word";; esac; done
            exec setpriv --reuid=nobody --clear-groups --inh-caps=-all --bounding-set=-all "$@"
            """;

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        assumeTrue(
                Files.readString(Path.of("/proc/sys/vm/unprivileged_userfaultfd")).startsWith("0"),
                "this machine allows every process a full userfaultfd");
        directory = Files.createTempDirectory(NativeProgram.scratch(), "user-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    /** By request, and in a campaign also by itself. */
    @Test
    void aGuestIsCapturedAtTheEndAndRunsAgainFromTheInstant() throws Exception {
        GuestOptions options = GuestOptions.of(MEMORY_MIB, LOAD_MIB).withRate(SLOW);
        List<String> command =
                new ArrayList<>(List.of("sh", "-c", AS_NOBODY, "sh", "qemu-system-x86_64"));
        command.addAll(options.arguments());
        try (Guest guest = Guest.launch(command)) {
            guest.awaitRunning();
            assertThat((int) Files.getAttribute(Path.of("/proc/" + guest.pid()), "unix:uid"))
                    .isNotZero();
            for (int turn = 0; turn < Campaign.turns(1, 20); turn++) {
                Path image = directory.resolve("image-" + turn);
                InstantChoice instant = turn % 2 == 0 ? InstantChoice.END : InstantChoice.AUTO;
                long before = guest.step();
                MachineSnapshot.Taken taken =
                        MachineImages.take(
                                guest,
                                image,
                                Snapshots.options()
                                        .withInstant(instant)
                                        .withPauseTarget(LONG_PAUSE));
                assertThat(taken.report().course().atEnd()).as("%s", taken.report()).isTrue();
                assertThat(taken.report().missing()).isEmpty();
                guest.awaitSteps(SLOW);
                try (Guest restored = MachineImages.restore(image, options.arguments())) {
                    restored.awaitRunning();
                    assertThat(restored.rates().getFirst().steps()).isBetween(before, guest.step());
                    restored.awaitPasses(1);
                    assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
                }
                DirectoryTree.delete(image);
            }
            assertThatThrownBy(() -> MachineImages.take(guest, directory.resolve("start")))
                    .hasMessageContaining("EPERM")
                    .hasMessageContaining("take the instant at the end");
            guest.awaitSteps(SLOW);
            assertThat(guest.isBroken()).as(guest::lastWords).isFalse();
        }
    }
}
