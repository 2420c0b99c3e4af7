package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * After a snapshot that failed a machine's disks go on where they were, and nothing that was
 * written is lost.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class DiskOverlayTest {
    private static final int DISK_BYTES = 8 << 20;
    private static final String KILLED_AT = "machine: disks held";

    private Path directory = Path.of("");
    private Path overlays = Path.of("");
    private Path raw = Path.of("");
    private Path node = Path.of("");

    @BeforeEach
    void makeDisks() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "overlay-");
        overlays = Files.createDirectory(directory.resolve("over,lays"));
        raw = Files.write(directory.resolve("drive.raw"), new byte[DISK_BYTES]);
        node = Files.write(directory.resolve("node.raw"), new byte[DISK_BYTES]);
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        Files.deleteIfExists(second());
        DirectoryTree.delete(directory);
    }

    @Test
    void whatIsWrittenUntilTheSnapshotFailsIsInTheFilesOfBefore() throws Exception {
        try (Guest guest = start()) {
            ForwardingSink failing =
                    new ForwardingSink(new DiscardingSink()) {
                        private boolean written;

                        @Override
                        public void accept(PageBatch batch) throws IOException {
                            if (!written) {
                                written = true;
                                write(guest, "d0", "0x5a 64k 4k");
                                write(guest, "n0", "0x6b 128k 4k");
                            }
                            super.accept(batch);
                        }

                        @Override
                        public String finish(Ending ending) throws IOException {
                            assertThat(names(overlays)).hasSize(2);
                            throw new IOException("the disk is full");
                        }
                    };
            assertThatThrownBy(() -> take(guest, failing, null))
                    .hasMessageContaining("the disk is full");
            assertAsBefore(guest);
            assertThat(byteAt(raw, 64 << 10)).isEqualTo(0x5a);
            assertThat(byteAt(node, 128 << 10)).isEqualTo(0x6b);
            guest.awaitSteps(2_000);
        }
    }

    @Test
    void aHookThatFailsBehindTheOverlaysTakesThemBack() throws Exception {
        try (Guest guest = start()) {
            assertThatThrownBy(() -> take(guest, new DiscardingSink(), "exit 7"))
                    .hasMessageContaining("exit code 7");
            assertAsBefore(guest);
        }
    }

    @Test
    void onlyTheOverlayOfTheFailedSnapshotGoes() throws Exception {
        try (Guest guest = start()) {
            take(guest, new DiscardingSink(), null);
            List<String> first = files(guest);
            assertThat(first).allMatch(file -> file.startsWith(overlays.toString()));
            write(guest, "d0", "0x11 0 4k");
            assertThatThrownBy(() -> take(guest, new DiscardingSink(), "exit 7"))
                    .hasMessageContaining("exit code 7");
            assertThat(files(guest)).isEqualTo(first);
            assertThat(names(overlays)).hasSize(2);
            assertThat(byteAt(raw, 0)).as("the file below the first overlay").isZero();
        }
    }

    @Test
    void aKilledSnapshotsOverlaysAreTakenBack() throws Exception {
        try (Guest guest = start()) {
            List<String> arguments =
                    List.of(guest.qmpSocket().toString(), KILLED_AT, overlays.toString());
            try (TargetProcess child =
                    TargetProcess.start(
                            JavaCommand.of(
                                    MachineChild.class,
                                    List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                                    arguments))) {
                child.awaitLine("go");
                assertThat(child.awaitExit()).isEqualTo(128 + 9);
            }
            Signals.await("that the overlays are gone", () -> names(overlays).isEmpty());
            guest.awaitSteps(2_000);
            assertAsBefore(guest);
        }
    }

    @Test
    void overlaysThatCannotBeMadeLeaveNothing() throws Exception {
        Path hidden = directory.resolve("none");
        try (Guest guest = start()) {
            MachineSnapshot.Subject subject =
                    new MachineSnapshot.Subject(
                            guest.qmpSocket(), OptionalInt.empty(), hidden, null);
            assertThatThrownBy(() -> snapshot().take(subject, new DiscardingSink()))
                    .isInstanceOf(SnapshotException.class);
            assertThat(hidden).doesNotExist();
            assertAsBefore(guest);
            guest.awaitSteps(2_000);
        }
    }

    private Guest start() throws Exception {
        GuestOptions options =
                GuestOptions.of(256, 64)
                        .withRate(2_000)
                        .with(
                                List.of(
                                        "-drive",
                                        "if=none,id=d0,format=raw,file=" + raw,
                                        "-device",
                                        "virtio-blk-pci,drive=d0",
                                        "-blockdev",
                                        "driver=file,node-name=f0,filename=" + node,
                                        "-blockdev",
                                        "driver=raw,node-name=n0,file=f0",
                                        "-device",
                                        "virtio-blk-pci,id=disk1,drive=n0",
                                        "-qmp",
                                        "unix:%s,server=on,wait=off".formatted(second())));
        Guest guest = Guest.start(options);
        guest.awaitRunning();
        return guest;
    }

    /** A second monitor, for the test to use during a snapshot. */
    private Path second() {
        return Path.of("/tmp", directory.getFileName() + ".qmp");
    }

    private void write(Guest guest, String disk, String patternFromLength) throws IOException {
        String[] words = patternFromLength.split(" ");
        String line =
                "qemu-io %s \"write -P %s %s %s\""
                        .formatted(top(disk), words[0], words[1], words[2]);
        try (Monitor monitor = Monitor.connect(second())) {
            String said =
                    monitor.execute(
                                    "human-monitor-command",
                                    "{\"command-line\": %s}"
                                            .formatted(new ObjectMapper().writeValueAsString(line)))
                            .asText();
            assertThat(said).as(line + guest.lastWords()).doesNotContain("rror");
        }
    }

    /** A disk that is a node is called after its device for this. */
    private static String top(String disk) {
        return disk.equals("n0") ? "-d /machine/peripheral/disk1/virtio-backend" : disk;
    }

    private void assertAsBefore(Guest guest) throws IOException {
        assertThat(files(guest)).containsExactlyInAnyOrder(raw.toString(), node.toString());
        assertThat(names(overlays)).isEmpty();
        try (Monitor monitor = Monitor.of(guest)) {
            assertThat(monitor.execute("query-block-jobs", "{}")).isEmpty();
            assertThat(monitor.execute("query-status", "{}").path("status").asText())
                    .isEqualTo("running");
        }
    }

    private static List<String> files(Guest guest) throws IOException {
        List<String> files = new ArrayList<>();
        try (Monitor monitor = Monitor.of(guest)) {
            monitor.execute("query-block", "{}")
                    .forEach(disk -> files.add(disk.path("inserted").path("file").asText()));
        }
        files.removeIf(String::isEmpty);
        return files;
    }

    private void take(Guest guest, PageSink sink, @Nullable String hook)
            throws SnapshotException, InterruptedException {
        snapshot()
                .take(
                        new MachineSnapshot.Subject(
                                guest.qmpSocket(), OptionalInt.empty(), overlays, hook),
                        sink);
    }

    private static MachineSnapshot snapshot() {
        return new MachineSnapshot(Snapshots.options(), new SimpleMeterRegistry(), Progress.NONE);
    }

    private static List<String> names(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> Objects.requireNonNull(file.getFileName()).toString())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int byteAt(Path file, long offset) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "r")) {
            bytes.seek(offset);
            return bytes.read();
        }
    }
}
