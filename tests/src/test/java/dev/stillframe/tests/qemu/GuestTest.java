package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.NativeProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Guests boot, work, go on after a restore, and find what is wrong in their memory. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class GuestTest {
    private static final int MEMORY_MIB = 256;
    private static final int LOAD_MIB = 64;
    private static final int RATE = 1000; // operations a second: flat out is hundreds of times that
    private static final int LOAD_PAGES = LOAD_MIB * 256;

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "guest-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void aGuestBootsWorksVerifiesItselfAndQuits() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            LoadReport first = guest.newest();
            guest.awaitSteps(LOAD_PAGES);
            guest.awaitPasses(2);
            LoadReport later = guest.newest();
            assertThat(later.steps()).isGreaterThanOrEqualTo(first.steps() + LOAD_PAGES);
            assertThat(later.hostNanos()).isGreaterThan(first.hostNanos());
            assertThat(later.guestMillis()).isGreaterThan(first.guestMillis());
            assertThat(guest.rates()).contains(first, later);
            assertThat(Path.of("/proc/" + guest.pid() + "/exe").toRealPath().toString())
                    .contains("qemu-system");
            try (Monitor monitor = Monitor.of(guest)) {
                monitor.execute("quit", "{}");
            }
            assertThat(guest.awaitExit()).isZero();
            assertThat(guest.isBroken()).as(guest::lastWords).isFalse();
        }
    }

    /** Without this, a guest that says that it is whole says nothing. */
    @Test
    void aRestoredGuestCountsOnAndFindsPagesThatWentBack() throws Exception {
        Path memory = directory.resolve("ram");
        Path devices = directory.resolve("devices");
        GuestOptions options =
                GuestOptions.of(MEMORY_MIB, LOAD_MIB)
                        .withMemory(new GuestMemory.SharedFile(memory));
        List<String> command = new ArrayList<>(List.of("qemu-system-x86_64"));
        long steps;
        try (Guest guest = Guest.start(options)) {
            guest.awaitRunning();
            guest.awaitSteps(LOAD_PAGES);
            try (Monitor monitor = Monitor.of(guest)) {
                monitor.execute("stop", "{}");
                monitor.migrate("migrate", "exec:cat > " + devices);
            }
            steps = guest.step();
            command.addAll(guest.arguments());
        }
        command.addAll(List.of("-incoming", "defer"));
        try (Guest restored = Guest.launch(command)) {
            try (Monitor monitor = Monitor.of(restored)) {
                monitor.migrate("migrate-incoming", "exec:cat " + devices);
                monitor.execute("cont", "{}");
            }
            restored.awaitRunning();
            assertThat(restored.rates().getFirst().steps()).isGreaterThanOrEqualTo(steps);
            restored.awaitPasses(2);
            assertThat(restored.isBroken()).as(restored::lastWords).isFalse();

            LoadPages old = LoadPages.read(memory, 100);
            restored.awaitSteps(10L * LOAD_PAGES);
            assertThat(old.putBack(memory)).isPositive();
            restored.awaitBroken();
            assertThat(restored.awaitExit()).as("the guest powers off").isZero();
        }
    }

    @Test
    void processorsRateAndMemoryAreAsAskedFor() throws Exception {
        GuestOptions options =
                GuestOptions.of(MEMORY_MIB, LOAD_MIB)
                        .withMemory(new GuestMemory.Anonymous())
                        .withProcessors(2)
                        .withRate(RATE);
        try (Guest guest = Guest.start(options)) {
            guest.awaitRunning();
            guest.awaitSteps(RATE);
            LoadReport newest = guest.newest();
            // The guest's clock began before the load did, and what was missed is not made up for.
            assertThat(newest.steps()).isLessThanOrEqualTo(newest.guestMillis() * RATE / 1000);
            try (Monitor monitor = Monitor.of(guest)) {
                assertThat(monitor.execute("query-cpus-fast", "{}")).hasSize(2);
                assertThat(monitor.execute("query-memdev", "{}").findValuesAsText("share"))
                        .containsExactly("false");
            }
        }
    }

    @Test
    void whatQemuSaysIsInTheMessageIfItDoesNotStart() {
        assertThatThrownBy(
                        () -> Guest.launch(List.of("qemu-system-x86_64", "-machine", "nonsense")))
                .isInstanceOf(TimeoutException.class)
                .hasMessageContaining("unsupported machine type");
    }
}
