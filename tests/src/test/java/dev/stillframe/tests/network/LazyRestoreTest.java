package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.qemu.Guest;
import dev.stillframe.tests.qemu.GuestOptions;
import dev.stillframe.tests.qemu.MachineImages;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A machine that runs before its memory is here goes on as if all had been there, or stands; it
 * never sees a wrong page.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class LazyRestoreTest {
    private static final int MEMORY_MIB = 256;
    private static final int LOAD_MIB = 64;
    private static final int MANY_CONNECTIONS = 50;
    private static final long FOR_EVER = Long.MAX_VALUE / 2;

    /**
     * The first tells what the image is; the urgent and the streamed pages have one each, in any
     * order.
     */
    private static final NetworkPlan.ConnectionPlan DESCRIBING = NetworkPlan.ConnectionPlan.CALM;

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "lazy-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void aMachineRunsBeforeItsMemoryIsHereAndIsWholeInTheEnd() throws Exception {
        List<String> arguments = image("vm");
        NetworkPlan.ConnectionPlan cut =
                NetworkPlan.ConnectionPlan.toSender(new Fault.Cut(4 << 20, Fault.Cut.How.RESET));
        NetworkPlan.ConnectionPlan slow = NetworkPlan.ConnectionPlan.toSender(limit(48 << 20));
        try (StoreReceiver receiver = StoreReceiver.readable(directory);
                HostileNetwork network = new HostileNetwork();
                Link link =
                        network.link(
                                receiver.address(),
                                NetworkPlan.of(DESCRIBING, cut, cut, slow, slow));
                Guest restored = MachineImages.restoreFrom(link.address(), "vm", arguments)) {
            restored.awaitRunning();
            assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            assertThat(userfaultfds(restored))
                    .as("of a machine whose memory is still to come")
                    .isPositive();
            Signals.await("that the machine is whole", () -> userfaultfds(restored) == 0);
            assertThat(link.struck()).as("broken connections").hasSizeGreaterThanOrEqualTo(2);
            restored.awaitPasses(2);
            assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            assertThat(restored.lastWords()).contains("whole");

            assertThat(MachineImages.take(restored, directory.resolve("second")).report().missing())
                    .isEmpty();
            assertThat(
                            ImageVerifier.verify(
                                            directory.resolve("second"),
                                            ImageVerifier.Progress.NONE)
                                    .intact())
                    .isTrue();
            assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
        }
    }

    /** kill -9 of the process that brings the pages. */
    @Test
    void aMachineWhoseMemoryWillNeverComeStandsAndSeesNothingWrong() throws Exception {
        List<String> arguments = image("vm");
        try (StoreReceiver receiver = StoreReceiver.readable(directory);
                HostileNetwork network = new HostileNetwork();
                Link link = network.link(receiver.address(), slowForEver());
                Guest restored = MachineImages.restoreFrom(link.address(), "vm", arguments)) {
            ProcessHandle machine = ProcessHandle.of(restored.pid()).orElseThrow();
            try {
                restored.awaitRunning();
                restoring(machine).destroyForcibly();
                ProcessFacts facts = new ProcessFacts(restored.pid());
                Signals.await("that the machine stands", facts::missesPage);
                assertThat(restored.isBroken()).as(restored::lastWords).isFalse();
            } finally {
                machine.destroyForcibly(); // nobody else is left to do it
            }
        }
    }

    @Test
    void aMachineThatIsNotWholeEndsWithTheCommand() throws Exception {
        List<String> arguments = image("vm");
        try (StoreReceiver receiver = StoreReceiver.readable(directory);
                HostileNetwork network = new HostileNetwork();
                Link link = network.link(receiver.address(), slowForEver());
                Guest restored = MachineImages.restoreFrom(link.address(), "vm", arguments)) {
            ProcessHandle machine = ProcessHandle.of(restored.pid()).orElseThrow();
            restored.awaitRunning();
            restoring(machine).destroy();
            assertThat(restored.awaitExit()).isNotZero();
            machine.onExit().get(30, TimeUnit.SECONDS);
        }
    }

    /** An image of a guest that has ended; the guest's arguments. */
    private List<String> image(String name) throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(MEMORY_MIB, LOAD_MIB))) {
            guest.awaitRunning();
            guest.awaitPasses(1);
            MachineImages.take(guest, directory.resolve(name));
            return guest.arguments();
        }
    }

    private static Fault.Limit limit(long bytes) {
        return new Fault.Limit(0, bytes, 8 << 20, 256 << 10);
    }

    private static NetworkPlan slowForEver() {
        return new NetworkPlan(
                Collections.nCopies(
                        MANY_CONNECTIONS,
                        NetworkPlan.ConnectionPlan.toSender(
                                new Fault.Limit(0, FOR_EVER, 2 << 20, 64 << 10))));
    }

    private static long userfaultfds(Guest guest) throws IOException {
        return new ProcessFacts(guest.pid())
                .descriptors().values().stream().filter("anon_inode:[userfaultfd]"::equals).count();
    }

    /** QEMU's parent is the shell that waits for it; its parent is what brings the pages. */
    private static ProcessHandle restoring(ProcessHandle machine) {
        return machine.parent().flatMap(ProcessHandle::parent).orElseThrow();
    }
}
