package dev.stillframe.tests.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.TargetProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/**
 * A running virtual machine; it ends with the test. QEMU is no child of this JVM (see {@link
 * TargetProcess}), so this JVM may trace it. Thread-safe.
 */
public final class Guest implements AutoCloseable {
    private static final String QEMU = "qemu-system-x86_64";
    private static final Duration STARTED_WITHIN = Duration.ofSeconds(30);
    private static final Duration REPORT_WITHIN = Duration.ofMinutes(2);

    /** A guest works flat out for ever: it must not do so when the tests were killed. */
    private static final List<String> BOUNDED = List.of("timeout", "--signal=KILL", "3h");

    private final Path directory;
    private final List<String> arguments;
    private final GuestSerial serial;
    private final TargetProcess process;
    private volatile int pid; // known once QEMU runs

    private Guest(
            Path directory, List<String> arguments, GuestSerial serial, TargetProcess process) {
        this.directory = directory;
        this.arguments = arguments;
        this.serial = serial;
        this.process = process;
    }

    /** Starts a guest; it boots while the caller goes on. */
    public static Guest start(GuestOptions options)
            throws IOException, InterruptedException, TimeoutException {
        List<String> command = new ArrayList<>(List.of(QEMU));
        command.addAll(options.arguments());
        return launch(command);
    }

    /**
     * Starts QEMU by an arbitrary command, to which the arguments for monitor, serial port and file
     * of the process id are appended: QEMU itself, or a program that hands its last arguments to
     * QEMU. Waits until QEMU runs, not for the guest in it.
     *
     * @throws TimeoutException if QEMU does not start, with what it said
     */
    public static Guest launch(List<String> command)
            throws IOException, InterruptedException, TimeoutException {
        // Not below target: the path of a Unix socket has at most 107 bytes.
        Path directory = Files.createTempDirectory("stillframe-guest");
        GuestSerial serial = GuestSerial.listen(directory.resolve("serial"));
        List<String> all = new ArrayList<>(BOUNDED);
        all.addAll(command);
        // QEMU writes the file and opens the sockets in this order: once the serial port is
        // connected, the others are there.
        all.addAll(
                List.of(
                        "-pidfile",
                        directory.resolve("pid").toString(),
                        "-qmp",
                        "unix:%s,server=on,wait=off".formatted(directory.resolve("qmp")),
                        "-chardev",
                        "socket,id=serial0,path=" + directory.resolve("serial"),
                        "-serial",
                        "chardev:serial0"));
        Guest guest =
                new Guest(
                        directory,
                        List.copyOf(command.subList(1, command.size())),
                        serial,
                        TargetProcess.start(all));
        try {
            guest.await("QEMU's start", GuestSerial::isConnected, STARTED_WITHIN);
            guest.pid =
                    Integer.parseInt(Files.readString(directory.resolve("pid"), US_ASCII).strip());
            return guest;
        } catch (Exception e) {
            guest.close();
            throw e;
        }
    }

    /** Waits until the guest's load says its first word; in a restored guest, that it goes on. */
    public void awaitRunning() throws InterruptedException, TimeoutException {
        awaitReport("report of the load", report -> true);
    }

    /** Waits until the load has done {@code more} operations than now. */
    public void awaitSteps(long more) throws InterruptedException, TimeoutException {
        long wanted = step() + more;
        awaitReport("step " + wanted, report -> report.steps() >= wanted);
    }

    /** Waits until the load has verified all of its memory {@code more} times more than now. */
    public void awaitPasses(long more) throws InterruptedException, TimeoutException {
        long wanted = newest().passes() + more;
        awaitReport("pass " + wanted, report -> report.passes() >= wanted);
    }

    /**
     * Operations of the load, as last reported: at most some tenths of a second old.
     *
     * @throws IllegalStateException before the first report
     */
    public long step() {
        return newest().steps();
    }

    /** The newest report. */
    public LoadReport newest() {
        LoadReport newest = serial.newest();
        if (newest == null) {
            throw new IllegalStateException("the guest has not reported yet: awaitRunning first");
        }
        return newest;
    }

    /** All reports, about fifty a second, oldest first. */
    public List<LoadReport> rates() {
        return serial.reports();
    }

    /** Whether the load has found a page that is not as it left it. */
    public boolean isBroken() {
        return serial.isBroken();
    }

    /** Waits until it has, for tests that bring it about. */
    public void awaitBroken() throws InterruptedException, TimeoutException {
        await("a broken page", GuestSerial::isBroken, REPORT_WITHIN);
    }

    /** What QEMU and the guest said last, for the message of a test. */
    public String lastWords() {
        return "serial port:\n%s\nQEMU:\n%s"
                .formatted(serial.tail(), String.join("\n", process.unread()));
    }

    /** QEMU's process id, whatever program started it. */
    public int pid() {
        return pid;
    }

    /** The socket of QEMU's monitor (QMP). It serves one connection at a time. */
    public Path qmpSocket() {
        return directory.resolve("qmp");
    }

    /**
     * The command's arguments, without those for monitor, serial port and process id: what another
     * QEMU needs to be the same machine.
     */
    public List<String> arguments() {
        return arguments;
    }

    /** Waits until QEMU has ended by itself or was killed, and gives its exit status. */
    public int awaitExit() throws InterruptedException, TimeoutException {
        return process.awaitExit();
    }

    /** Kills QEMU and waits until it is gone. */
    @Override
    public void close() throws IOException {
        process.close();
        serial.close();
        DirectoryTree.delete(directory);
    }

    private void awaitReport(String what, Predicate<LoadReport> condition)
            throws InterruptedException, TimeoutException {
        await(
                what,
                port -> {
                    LoadReport newest = port.newest();
                    return newest != null && condition.test(newest);
                },
                REPORT_WITHIN);
    }

    private void await(String what, Predicate<GuestSerial> condition, Duration within)
            throws InterruptedException, TimeoutException {
        if (!serial.await(condition, process, within)) {
            throw new TimeoutException("%s did not come. %s".formatted(what, lastWords()));
        }
    }
}
