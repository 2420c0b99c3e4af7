package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.agent.qemu.LazyRestore;
import dev.stillframe.agent.qemu.MachineRestore;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.agent.qemu.Qmp;
import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.qemu.Guest;
import dev.stillframe.tests.qemu.GuestOptions;
import dev.stillframe.tests.qemu.LoadReport;
import dev.stillframe.tests.target.Launcher;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.transport.reader.ReaderOptions;
import dev.stillframe.transport.reader.RemoteImage;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.receiver.StoreSinks;
import dev.stillframe.transport.security.Credentials;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * QEMU's own background snapshot and ours, in turns, of one guest that writes half of its memory as
 * fast as it can: how long the guest is slow, how slow at worst, and how long all of it takes.
 * QEMU's with and without waiting for the disk, as ours always does. Ours as a user has it, by the
 * command line in a JVM that has just started, and from a JVM that is warm.
 */
final class MachineBench {
    private static final int TURNS = Integer.getInteger("stillframe.bench.machine.turns", 5);
    private static final int LOAD_MIB = 512;
    private static final Duration UNDISTURBED = Duration.ofSeconds(3);
    private static final Duration SETTLED = Duration.ofSeconds(2);
    private static final Duration LONGEST = Duration.ofMinutes(3);
    private static final long WINDOW_NANOS = 200_000_000;
    private static final long STEP_NANOS = 10_000_000;

    private static final String LAUNCHER = Launcher.PATH.toString();

    private final Figures figures;
    private final Path directory;

    private MachineBench(Figures figures, Path directory) {
        this.figures = figures;
        this.directory = directory;
    }

    static void measure(Figures figures) throws Exception {
        Path directory = Files.createTempDirectory(NativeProgram.scratch(), "machine-bench");
        try {
            MachineBench bench = new MachineBench(figures, directory);
            new ProcessBuilder(LAUNCHER, "--version")
                    .inheritIO()
                    .start()
                    .waitFor(); // it is built then
            bench.beside();
            bench.stops(1024);
            bench.stops(4096);
            bench.restores();
            bench.lazyRestores(1024);
            bench.lazyRestores(4096);
        } finally {
            DirectoryTree.delete(directory);
        }
    }

    /** Something that takes a snapshot, and how long it took as its user sees it. */
    @FunctionalInterface
    private interface Way {
        void take(Guest guest) throws Exception;
    }

    private static final class Series {
        final List<Double> seconds = new ArrayList<>();
        final List<Double> slow = new ArrayList<>();
        final List<Double> worst = new ArrayList<>();
    }

    private void beside() throws Exception {
        Series qemu = new Series();
        Series qemuOnDisk = new Series();
        Series cold = new Series();
        Series warm = new Series();
        try (Guest guest = Guest.start(GuestOptions.of(1024, LOAD_MIB))) {
            guest.awaitRunning();
            guest.awaitPasses(2);
            turn(guest, this::warmSnapshot, new Series()); // not counted
            for (int turn = 0; turn < TURNS; turn++) {
                turn(guest, each -> backgroundSnapshot(each, false), qemu);
                turn(guest, each -> backgroundSnapshot(each, true), qemuOnDisk);
                turn(guest, this::coldSnapshot, cold);
                turn(guest, this::warmSnapshot, warm);
            }
        }
        add("qemu", qemu);
        add("qemu_on_disk", qemuOnDisk);
        add("ours", cold);
        add("ours_warm", warm);
    }

    private void add(String who, Series series) {
        figures.addAll(who + "_total_s", series.seconds);
        figures.addAll(who + "_under_half_speed_s", series.slow);
        figures.addAll(who + "_worst_200ms_per_s", series.worst);
    }

    private static void turn(Guest guest, Way way, Series series) throws Exception {
        pause(UNDISTURBED);
        long from = System.nanoTime();
        way.take(guest);
        long until = System.nanoTime();
        pause(SETTLED);
        Speed speed = new Speed(guest.rates(), from, until);
        series.seconds.add((until - from) / 1e9);
        series.slow.add(speed.underHalfSeconds());
        series.worst.add(speed.worst());
        System.out.printf(
                "%.2f s; undisturbed %,.0f/s, under half of that %.2f s, worst 200 ms %,.0f/s%n",
                (until - from) / 1e9, speed.undisturbed(), speed.underHalfSeconds(), speed.worst());
        if (guest.isBroken()) {
            throw new IllegalStateException(guest.lastWords());
        }
    }

    /** QEMU's: the state of RAM and devices to a file on the same disk, which ours is forced to. */
    private void backgroundSnapshot(Guest guest, boolean force) throws IOException {
        Path file = directory.resolve("qemu.state");
        try (Qmp qmp = Qmp.connect(guest.qmpSocket(), LONGEST)) {
            capability(qmp, true);
            qmp.execute("migrate", Map.of("uri", "exec:cat > " + file));
            while (true) {
                JsonNode progress = qmp.execute("query-migrate");
                String status = progress.path("status").asText();
                if (status.equals("completed")) {
                    break;
                }
                if (status.equals("failed")) {
                    throw new IOException("QEMU's background snapshot: " + progress);
                }
                LockSupport.parkNanos(5_000_000);
            }
            capability(qmp, false);
        }
        if (force) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
        Files.delete(file);
    }

    private static void capability(Qmp qmp, boolean on) throws IOException {
        qmp.execute(
                "migrate-set-capabilities",
                Map.of(
                        "capabilities",
                        List.of(Map.of("capability", "background-snapshot", "state", on))));
    }

    private void coldSnapshot(Guest guest) throws Exception {
        Path image = directory.resolve("cold.image");
        List<String> command =
                List.of(
                        LAUNCHER,
                        "snapshot",
                        "--qmp",
                        guest.qmpSocket().toString(),
                        "--out",
                        image.toString(),
                        "--json");
        Process process = new ProcessBuilder(command).inheritIO().start();
        if (!process.waitFor(LONGEST.toSeconds(), TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new IllegalStateException("the snapshot failed");
        }
        DirectoryTree.delete(image);
    }

    private void warmSnapshot(Guest guest) throws Exception {
        take(guest, directory.resolve("warm.image"));
        DirectoryTree.delete(directory.resolve("warm.image"));
    }

    private static MachineSnapshot.Taken take(Guest guest, Path image) throws Exception {
        SnapshotOptions options =
                SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors())
                        .withInstant(InstantChoice.START);
        return new MachineSnapshot(options, new SimpleMeterRegistry(), Progress.NONE)
                .take(
                        new MachineSnapshot.Subject(
                                guest.qmpSocket(), OptionalInt.empty(), null, null),
                        ImageWriter.create(image));
    }

    /** What the stop is made of, by the guest's size. */
    private void stops(int memoryMib) throws Exception {
        List<Double> all = new ArrayList<>();
        List<Double> ours = new ArrayList<>();
        List<Double> devices = new ArrayList<>();
        try (Guest guest = Guest.start(GuestOptions.of(memoryMib, LOAD_MIB))) {
            guest.awaitRunning();
            guest.awaitPasses(2);
            for (int turn = 0; turn < 2 * TURNS; turn++) {
                MachineSnapshot.Taken taken = take(guest, directory.resolve("stop.image"));
                DirectoryTree.delete(directory.resolve("stop.image"));
                System.out.printf("%d MiB: %s%n", memoryMib, taken.stop());
                all.add(taken.report().times().pauseNanos() / 1e6);
                ours.add(taken.stop().oursNanos() / 1e6);
                devices.add(taken.stop().devicesNanos() / 1e6);
                pause(Duration.ofMillis(500));
            }
        }
        figures.addAll("stop_ms_%dmib".formatted(memoryMib), all);
        figures.addAll("stop_ours_ms_%dmib".formatted(memoryMib), ours);
        figures.addAll("stop_devices_ms_%dmib".formatted(memoryMib), devices);
    }

    /** QEMU until its guest runs: from nothing, and from an image. */
    private void restores() throws Exception {
        List<Double> plain = new ArrayList<>();
        List<Double> restored = new ArrayList<>();
        List<Double> cold = new ArrayList<>();
        Path image = directory.resolve("restore.image");
        List<String> arguments;
        try (Guest guest = Guest.start(GuestOptions.of(1024, LOAD_MIB))) {
            guest.awaitRunning();
            guest.awaitPasses(2);
            take(guest, image);
            arguments = guest.arguments();
        }
        List<String> words = new ArrayList<>(List.of("qemu-system-x86_64"));
        words.addAll(arguments);
        words.addAll(List.of("-serial", "null")); // the guest's own is not among its arguments
        MachineRestore restore =
                new MachineRestore(
                        image, new MachineRestore.Options(words, null, null, false, false));
        for (int turn = 0; turn < 2 * TURNS; turn++) {
            plain.add(plainStartMillis(words));
            MachineRestore.Restored machine = restore.run();
            machine.process().destroyForcibly().waitFor();
            restored.add(machine.totalNanos() / 1e6);
            cold.add(coldRestoreMillis(image, words));
        }
        figures.addAll("qemu_start_ms", plain);
        figures.addAll("restore_ms", restored);
        figures.addAll("restore_cold_command_ms", cold);
        figures.add(
                "restore_beyond_start_ms",
                Figures.quantile(restored, 0.5) - Figures.quantile(plain, 0.5));
    }

    /**
     * From a receiver on this host, over loopback: until the guest runs, and until all of its
     * memory is there.
     */
    private void lazyRestores(int memoryMib) throws Exception {
        List<Double> running = new ArrayList<>();
        List<Double> whole = new ArrayList<>();
        List<Double> median = new ArrayList<>();
        List<Double> longest = new ArrayList<>();
        ImageStore store = ImageStore.open(directory.resolve("store"));
        List<String> words = new ArrayList<>(List.of("qemu-system-x86_64"));
        try (Guest guest = Guest.start(GuestOptions.of(memoryMib, LOAD_MIB))) {
            guest.awaitRunning();
            guest.awaitPasses(2);
            take(guest, store.resolve("vm"));
            words.addAll(guest.arguments());
        }
        words.addAll(List.of("-serial", "null"));
        try (Receiver receiver =
                Receiver.start(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        new StoreSinks(store, true),
                        ReceiverLimits.DEFAULT,
                        Credentials.NONE,
                        new SimpleMeterRegistry(),
                        ReceiverEvents.NONE)) {
            for (int turn = 0; turn < TURNS; turn++) {
                try (RemoteImage image =
                                RemoteImage.open(receiver.address(), "vm", ReaderOptions.DEFAULT);
                        LazyRestore restore =
                                LazyRestore.start(
                                        image,
                                        new MachineRestore.Options(
                                                words, null, null, false, false))) {
                    LazyRestore.Filled filled = restore.awaitWhole();
                    running.add(restore.restored().totalNanos() / 1e6);
                    whole.add(filled.nanos() / 1e9);
                    median.add(filled.waits().getValueAtPercentile(50) / 1e6);
                    longest.add(filled.waits().getMaxValue() / 1e6);
                    ProcessHandle.of(restore.pid()).ifPresent(ProcessHandle::destroyForcibly);
                    restore.awaitEnd();
                }
            }
        }
        DirectoryTree.delete(store.resolve("vm"));
        figures.addAll("lazy_restore_running_ms_%dmib".formatted(memoryMib), running);
        figures.addAll("lazy_restore_whole_s_%dmib".formatted(memoryMib), whole);
        figures.addAll("lazy_restore_wait_median_ms_%dmib".formatted(memoryMib), median);
        figures.addAll("lazy_restore_wait_longest_ms_%dmib".formatted(memoryMib), longest);
    }

    /** Until the monitor says that a fresh machine runs. */
    private double plainStartMillis(List<String> words) throws Exception {
        Path socket = directory.resolve("q");
        List<String> command = new ArrayList<>(words);
        command.addAll(List.of("-S", "-qmp", "unix:" + socket + ",server=on,wait=off"));
        long from = System.nanoTime();
        Process qemu = new ProcessBuilder(command).inheritIO().start();
        try {
            while (!Files.exists(socket)) {
                LockSupport.parkNanos(1_000_000);
            }
            try (Qmp qmp = Qmp.connect(socket, LONGEST)) {
                qmp.execute("cont");
                return (System.nanoTime() - from) / 1e6;
            }
        } finally {
            qemu.destroyForcibly().waitFor();
            Files.deleteIfExists(socket);
        }
    }

    /** All of {@code stillframe restore}, with the start of its JVM. */
    private double coldRestoreMillis(Path image, List<String> words) throws Exception {
        Path pid = directory.resolve("pid");
        List<String> typed =
                new ArrayList<>(
                        List.of(LAUNCHER, "restore", image.toString(), "--qemu", "--json", "--"));
        typed.addAll(words);
        typed.addAll(List.of("-pidfile", pid.toString()));
        long from = System.nanoTime();
        Process process = new ProcessBuilder(typed).inheritIO().start();
        if (process.waitFor() != 0) {
            throw new IllegalStateException("the restore failed");
        }
        double millis = (System.nanoTime() - from) / 1e6;
        ProcessHandle qemu =
                ProcessHandle.of(Long.parseLong(Files.readString(pid).strip())).orElseThrow();
        qemu.destroyForcibly();
        qemu.onExit().get(LONGEST.toSeconds(), TimeUnit.SECONDS);
        Files.deleteIfExists(pid);
        return millis;
    }

    private static void pause(Duration duration) {
        long until = System.nanoTime() + duration.toNanos();
        while (System.nanoTime() < until) {
            LockSupport.parkNanos(until - System.nanoTime());
        }
    }

    /** How fast a guest was around a snapshot, by its own reports and the host's clock. */
    private static final class Speed {
        private final List<LoadReport> reports;
        private final long from;
        private final long until;
        private final double undisturbed;

        Speed(List<LoadReport> reports, long from, long until) {
            this.reports = reports;
            this.from = from;
            this.until = until;
            this.undisturbed = rate(from - UNDISTURBED.toNanos() + 500_000_000, from);
        }

        double undisturbed() {
            return undisturbed;
        }

        /** Over the snapshot and what comes right after it, in steps of a window. */
        double underHalfSeconds() {
            long slow = 0;
            for (long at = from; at < until + SETTLED.toNanos() - WINDOW_NANOS; at += STEP_NANOS) {
                slow += rate(at, at + STEP_NANOS) < undisturbed / 2 ? STEP_NANOS : 0;
            }
            return slow / 1e9;
        }

        double worst() {
            double worst = Double.MAX_VALUE;
            for (long at = from;
                    at < until + SETTLED.toNanos() - 2 * WINDOW_NANOS;
                    at += STEP_NANOS) {
                worst = Math.min(worst, rate(at, at + WINDOW_NANOS));
            }
            return worst;
        }

        private double rate(long start, long end) {
            return (steps(end) - steps(start)) * 1e9 / (end - start);
        }

        /** Between two reports the steps are spread evenly. */
        private double steps(long nanos) {
            LoadReport before = reports.getFirst();
            for (LoadReport report : reports.reversed()) {
                if (report.hostNanos() <= nanos) {
                    before = report;
                    break;
                }
            }
            int next = reports.indexOf(before) + 1;
            if (next >= reports.size()) {
                return before.steps();
            }
            LoadReport after = reports.get(next);
            double share =
                    (double) (nanos - before.hostNanos())
                            / (after.hostNanos() - before.hostNanos());
            return before.steps() + share * (after.steps() - before.steps());
        }
    }
}
