package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.agent.qemu.MachineRestore;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.image.ImageMerge;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.image.Verification;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.NativeProgram;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Images of running guests run again from the instant that they are of, and the guests go on as if
 * nothing had been.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class MachineTest {
    private static final int MEMORY_MIB = 256;
    private static final int LOAD_MIB = 64;
    private static final int SOME_STEPS = 10_000;
    private static final int SLOW = 2_000; // operations a second

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "machine-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void aGuestUnderLoadIsCapturedAndRunsAgainFromTheInstant() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            for (int turn = 0; turn < Campaign.turns(2, 50); turn++) {
                Path image = directory.resolve("image-" + turn);
                long before = guest.step();
                MachineSnapshot.Taken taken = MachineImages.take(guest, image);
                guest.awaitSteps(SOME_STEPS);
                long after = guest.step();
                assertThat(taken.pid()).isEqualTo(guest.pid());
                assertThat(taken.report().missing()).isEmpty();
                assertThat(guest.isBroken()).as(guest::lastWords).isFalse();

                try (Guest restored = MachineImages.restore(image, guest.arguments())) {
                    restored.awaitRunning();
                    assertThat(restored.rates().getFirst().steps())
                            .isBetween(before, after + SOME_STEPS * 100L);
                    restored.awaitPasses(2);
                    assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
                }
                assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).intact())
                        .as("the image after a machine ran from it")
                        .isTrue();
                DirectoryTree.delete(image);
            }
        }
    }

    @Test
    void manyClonesRunFromOneImageAtOnce() throws Exception {
        Path image = directory.resolve("image");
        List<String> arguments;
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            MachineImages.take(guest, image);
            arguments = guest.arguments();
        }
        List<Guest> clones = new ArrayList<>();
        try {
            for (int i = 0; i < 10; i++) {
                clones.add(MachineImages.restore(image, arguments));
            }
            for (Guest clone : clones) {
                clone.awaitRunning();
                clone.awaitPasses(1);
                assertThat(clone.isBroken()).as(clone::lastWords).isFalse();
            }
        } finally {
            for (Guest clone : clones) {
                clone.close();
            }
        }
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).intact()).isTrue();
    }

    @Test
    void aPausedGuestStaysPausedAndIsRestoredPaused() throws Exception {
        Path image = directory.resolve("image");
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            command(guest, "stop");
            MachineSnapshot.Taken taken = MachineImages.take(guest, image);
            assertThat(taken.stop().stopNanos()).isLessThan(taken.stop().devicesNanos());
            assertThat(status(guest)).isEqualTo("paused");
            command(guest, "cont");
            guest.awaitSteps(SOME_STEPS);

            try (Guest restored = MachineImages.restore(image, guest.arguments())) {
                assertThat(status(restored)).isEqualTo("paused");
                command(restored, "cont");
                restored.awaitRunning();
                restored.awaitPasses(1);
                assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            }
        }
    }

    /**
     * Memory that is nobody else's is read through the process; the image and its restore are the
     * same.
     */
    @Test
    void aGuestWithPrivateMemoryOnTwoNodesAndVideoMemoryRunsAgain() throws Exception {
        Path image = directory.resolve("image");
        GuestOptions options =
                GuestOptions.of(MEMORY_MIB, LOAD_MIB)
                        .withMemory(new GuestMemory.Anonymous())
                        .with(
                                List.of(
                                        "-device", "VGA",
                                        "-object",
                                                "memory-backend-ram,id=near,size=%dM"
                                                        .formatted(MEMORY_MIB / 2),
                                        "-object",
                                                "memory-backend-ram,id=far,size=%dM"
                                                        .formatted(MEMORY_MIB / 2),
                                        "-numa", "node,memdev=near",
                                        "-numa", "node,memdev=far"));
        try (Guest guest = Guest.start(options)) {
            guest.awaitRunning();
            MachineImages.take(guest, image);
            assertThat(machine(image).blocks())
                    .extracting(MachineState.Block::name)
                    .contains("near", "far", "pc.bios")
                    .anyMatch(name -> name.endsWith("vga.vram"));
            try (Guest restored = MachineImages.restore(image, guest.arguments())) {
                restored.awaitRunning();
                restored.awaitPasses(2);
                assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            }
        }
    }

    /** On shared memory again, a restored machine can be captured like the first. */
    @Test
    void aRestoredGuestWithItsOwnCopyIsCapturedAgain() throws Exception {
        Path image = directory.resolve("image");
        Path second = directory.resolve("second");
        Path ram = Files.createTempDirectory(Path.of("/dev/shm"), "stillframe-ram");
        List<String> arguments;
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            MachineImages.take(guest, image);
            arguments = guest.arguments();
        }
        try {
            try (Guest restored =
                    MachineImages.restore(
                            image, arguments, "--ram", ram.resolve("ram").toString())) {
                restored.awaitRunning();
                restored.awaitPasses(1);
                assertThat(MachineImages.take(restored, second).report().missing()).isEmpty();
                assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            }
            try (Guest again = MachineImages.restore(second, arguments)) {
                again.awaitRunning();
                again.awaitPasses(1);
                assertThat(again.isBroken()).as(again::lastWords).isFalse();
            }
        } finally {
            DirectoryTree.delete(ram);
        }
    }

    @Test
    void disksGetOverlaysAndTheHookRunsWhileTheMachineStands() throws Exception {
        Path disk = directory.resolve("disk.raw");
        Path seen = directory.resolve("seen");
        Path overlays = Files.createDirectory(directory.resolve("overlays"));
        Files.write(disk, new byte[1 << 20]);
        GuestOptions options =
                GuestOptions.of(MEMORY_MIB, LOAD_MIB)
                        .with(
                                List.of(
                                        "-drive",
                                        "if=none,id=d0,format=raw,file=" + disk,
                                        "-device",
                                        "virtio-blk-pci,drive=d0"));
        try (Guest guest = Guest.start(options)) {
            guest.awaitRunning();
            MachineSnapshot.Subject subject =
                    new MachineSnapshot.Subject(
                            guest.qmpSocket(),
                            OptionalInt.empty(),
                            overlays,
                            "echo $STILLFRAME_QEMU_PID > " + seen);
            MachineImages.take(subject, directory.resolve("image"));
            assertThat(Files.readString(seen).strip()).isEqualTo(Integer.toString(guest.pid()));
            MachineState.Disk recorded = machine(directory.resolve("image")).disks().getFirst();
            assertThat(recorded.file()).isEqualTo(disk.toString());
            assertThat(Path.of(Objects.requireNonNull(recorded.overlay())))
                    .exists()
                    .hasParent(overlays);
            try (Monitor monitor = Monitor.of(guest)) {
                assertThat(monitor.execute("query-block", "{}").findValuesAsText("file"))
                        .contains(recorded.overlay());
            }
            guest.awaitSteps(SOME_STEPS);
        }
    }

    @Test
    void changesToAParentAreMergedAndRunAgain() throws Exception {
        Path first = directory.resolve("first");
        Path second = directory.resolve("second");
        Path merged = directory.resolve("merged");
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB).withRate(SLOW))) {
            guest.awaitRunning();
            MachineImages.take(guest, first);
            guest.awaitSteps(SLOW);
            new MachineSnapshot(Snapshots.options(), new SimpleMeterRegistry(), Progress.NONE)
                    .take(MachineImages.subject(guest), ImageWriter.createChild(second, first));
            Verification verification = ImageVerifier.verify(second, ImageVerifier.Progress.NONE);
            assertThat(verification.damages()).isEmpty();
            assertThat(verification.sharedPages()).isGreaterThan(verification.dataPages());
            assertThatThrownBy(
                            () ->
                                    new MachineRestore(second, MachineRestore.Options.DEFAULT)
                                            .line(Path.of("x")))
                    .hasMessageContaining("merge");
            try (ImageReader reader = ImageReader.open(second)) {
                ImageMerge.merge(reader, merged, ImageMerge.Progress.NONE);
            }
            try (Guest restored = MachineImages.restore(merged, guest.arguments())) {
                restored.awaitRunning();
                restored.awaitPasses(1);
                assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            }
        }
    }

    @Test
    void whatCannotBeCapturedIsRefusedAndTheGuestGoesOn() throws Exception {
        GuestOptions options =
                GuestOptions.of(MEMORY_MIB, LOAD_MIB)
                        .with(List.of("-device", "virtio-balloon-pci,free-page-reporting=on"));
        try (Guest guest = Guest.start(options)) {
            guest.awaitRunning();
            assertThatThrownBy(() -> MachineImages.take(guest, directory.resolve("image")))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("free-page-reporting");
            assertThat(directory.resolve("image")).doesNotExist();
            guest.awaitSteps(SOME_STEPS);
        }
    }

    @Test
    void aHookThatFailsEndsTheSnapshotAndTheGuestGoesOn() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            MachineSnapshot.Subject failing =
                    new MachineSnapshot.Subject(
                            guest.qmpSocket(), OptionalInt.empty(), null, "exit 7");
            assertThatThrownBy(() -> MachineImages.take(failing, directory.resolve("image")))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("exit code 7");
            assertThat(directory.resolve("image")).doesNotExist();
            assertThat(status(guest)).isEqualTo("running");
            guest.awaitSteps(SOME_STEPS);
        }
    }

    @Test
    void aMachineThatIsBeingMigratedIsRefused() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            try (Monitor monitor = Monitor.of(guest)) {
                monitor.execute("migrate", "{\"uri\": \"exec:sleep 1000\"}");
            }
            assertThatThrownBy(() -> MachineImages.take(guest, directory.resolve("image")))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("is being migrated");
        }
    }

    private static void command(Guest guest, String command) throws IOException {
        try (Monitor monitor = Monitor.of(guest)) {
            monitor.execute(command, "{}");
        }
    }

    private static String status(Guest guest) throws IOException {
        try (Monitor monitor = Monitor.of(guest)) {
            return monitor.execute("query-status", "{}").path("status").asText();
        }
    }

    private static MachineState machine(Path image) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            return Objects.requireNonNull(reader.layout().machine());
        }
    }
}
