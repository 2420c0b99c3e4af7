package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.TargetProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * QEMU runs as a user of its own, who cannot lead a snapshot by root to where that user could not
 * go.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class HostileQemuTest {
    /**
     * In every directory that appears under /tmp with our name and lets this user in, puts what
     * would be written or read: a pipe that nobody opens, and links to a file of root's. Says what
     * it got into.
     */
    private static final String PLANTING =
            """
            echo ready
            while read -t 0.002 -r line || [ $? -gt 128 ]; do
              for d in /tmp/stillframe-*; do
                case ${d#/tmp/stillframe-} in *[!0-9]*) continue;; esac
                if cd "$d" 2>/dev/null; then
                  rm -f devices; mkfifo devices; ln -s /etc/shadow incoming
                  echo "got into $d"; cd /
                fi
              done
            done
            """;

    /**
     * QEMU as that user, who may make a userfaultfd and nothing else of root's; given the directory
     * that Guest makes.
     */
    private static final String AS_NOBODY =
            """
            for word; do case $word in */pid) chown -R nobody "${word%/pid}";; *.initramfs) chmod a+r "$word";; esac; done
            exec setpriv --reuid=nobody --clear-groups --inh-caps=-all,+sys_ptrace --ambient-caps=-all,+sys_ptrace "$@"
            """;

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "hostile-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void pipesAndLinksOfQemusUserAreNotMet() throws Exception {
        List<String> command =
                new ArrayList<>(List.of("sh", "-c", AS_NOBODY, "sh", "qemu-system-x86_64"));
        command.addAll(GuestOptions.of(256, 64).withRate(2_000).arguments());
        try (Guest guest = Guest.launch(command);
                TargetProcess planter =
                        TargetProcess.start(
                                List.of(
                                        "setpriv",
                                        "--reuid=nobody",
                                        "--clear-groups",
                                        "bash",
                                        "-c",
                                        PLANTING))) {
            planter.awaitLine("ready");
            guest.awaitRunning();
            assertThat((int) Files.getAttribute(Path.of("/proc/" + guest.pid()), "unix:uid"))
                    .isNotZero();
            for (int turn = 0; turn < 3; turn++) {
                Path image = directory.resolve("image-" + turn);
                MachineImages.take(guest, image);
                assertThat(devices(image)).startsWith('Q', 'E', 'V', 'M');
            }
            assertThat(planter.unread()).as("what QEMU's user got into").isEmpty();
            guest.awaitSteps(2_000);
            assertThat(descriptors(guest))
                    .as("what is left in QEMU")
                    .noneMatch(file -> file.contains("stillframe-devices"));
        }
    }

    private static byte[] devices(Path image) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            return Objects.requireNonNull(reader.layout().machine()).devices();
        }
    }

    private static List<String> descriptors(Guest guest) throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/" + guest.pid() + "/fd"))) {
            return all.map(HostileQemuTest::target).toList();
        }
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException e) {
            return ""; // closed meanwhile
        }
    }
}
