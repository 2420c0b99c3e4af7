package dev.stillframe.agent.qemu;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.process.TargetProcess;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Takes images of virtual machines of QEMU while they run. Thread-safe: each call is a snapshot of
 * its own.
 */
public final class MachineSnapshot {
    /** QEMU's main loop may be busy with a disk; the guest runs meanwhile. */
    private static final Duration QMP_PATIENCE = Duration.ofSeconds(10);

    private final SnapshotOptions options;
    private final MeterRegistry registry;
    private final Progress progress;
    private final Probe probe;

    /**
     * Which machine, and what is to be done for its disks.
     *
     * @param qmp the socket of its QMP
     * @param pid QEMU's process; empty to take the one that listens at the socket
     * @param overlays the directory, as QEMU sees it, in which every disk that the guest can write
     *     to gets an overlay at T0; null for none
     * @param diskHook a command for the shell, run while the machine stands; null for none
     */
    public record Subject(
            Path qmp, OptionalInt pid, @Nullable Path overlays, @Nullable String diskHook) {}

    /**
     * What came of it. Immutable.
     *
     * @param pid QEMU's process
     * @param report the engine's facts; its pause is all of the stop
     * @param stop what the stop was made of
     * @param remarks for the user
     */
    public record Taken(int pid, SnapshotReport report, Stop stop, List<String> remarks) {}

    /**
     * What a stop was made of; all zero but {@code devicesNanos} for a machine that stood anyway.
     *
     * @param stopNanos until the processors stood
     * @param devicesNanos for the state of the devices
     * @param disksNanos for the overlays and the user's hook
     * @param oursNanos for the hot pages and all else that we do
     * @param contNanos until QEMU said that it runs again
     */
    public record Stop(
            long stopNanos, long devicesNanos, long disksNanos, long oursNanos, long contNanos) {}

    /** With {@code registry} for the figures and {@code progress} to be told how far it is. */
    public MachineSnapshot(SnapshotOptions options, MeterRegistry registry, Progress progress) {
        this(options, registry, progress, Probe.NONE);
    }

    /** For tests: told at every point where being killed must do no harm. */
    public MachineSnapshot(
            SnapshotOptions options, MeterRegistry registry, Progress progress, Probe probe) {
        this.options = options;
        this.registry = registry;
        this.progress = progress;
        this.probe = probe;
    }

    /**
     * Takes a snapshot into {@code sink}, and closes the sink. A machine that ran runs on, one that
     * stood stands.
     *
     * @throws SnapshotException if it did not come about; nothing is published, and the machine is
     *     as it was
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    public Taken take(Subject subject, PageSink sink)
            throws SnapshotException, InterruptedException {
        try (sink;
                Guardian guardian = Guardian.start(subject.qmp());
                Qmp qmp = Qmp.connect(subject.qmp(), QMP_PATIENCE)) {
            return take(subject, qmp, guardian, sink);
        } catch (IOException e) {
            throw new SnapshotException(
                    "no snapshot of the machine at %s: %s".formatted(subject.qmp(), e.getMessage()),
                    e);
        }
    }

    private Taken take(Subject subject, Qmp qmp, Guardian guardian, PageSink sink)
            throws IOException, SnapshotException, InterruptedException {
        int pid = pid(subject, qmp);
        VirtualMachine vm = VirtualMachine.examine(qmp);
        DiskInstant disks = new DiskInstant(qmp, pid, subject, guardian);
        Publishing publishing = new Publishing(sink, disks);
        try (TargetProcess process = TargetProcess.open(pid);
                DeviceState devices = DeviceState.create(qmp)) {
            Standstill standstill =
                    new Standstill(
                            new Standstill.Parts(qmp, vm, devices, disks, guardian),
                            probe,
                            registry.config().clock());
            Snapshot.Seams seams = new Snapshot.Seams(probe, Snapshot.Seams.NONE.reader());
            GuestMemory memory = new GuestMemory(process, vm.ram(), standstill);
            SnapshotReport report =
                    new Snapshot(options, registry, progress, seams)
                            .take(
                                    memory,
                                    publishing,
                                    !probe.equals(
                                            Probe.NONE)); // he wants to see the real one alone
            return new Taken(pid, report, stop(report, standstill.times()), vm.remarks());
        } finally {
            if (!publishing.done) {
                disks.takeBack(); // the machine runs again
            }
        }
    }

    /**
     * Knows whether there is an image, to which the overlays belong then. Owned by the snapshot's
     * thread.
     */
    private static final class Publishing extends ForwardingSink {
        private final DiskInstant disks;
        private boolean done;

        Publishing(PageSink next, DiskInstant disks) {
            super(next);
            this.disks = disks;
        }

        @Override
        public String finish(Ending ending) throws IOException {
            disks.keep();
            String place = super.finish(ending);
            done = true;
            return place;
        }
    }

    private static int pid(Subject subject, Qmp qmp) throws IOException {
        if (subject.pid().isPresent()) {
            return subject.pid().getAsInt();
        }
        return qmp.peer()
                .orElseThrow(
                        () ->
                                new TargetException(
                                        "the process of QEMU behind %s is not to be seen from here; name it with --pid"
                                                .formatted(subject.qmp())));
    }

    private Stop stop(SnapshotReport report, Standstill.Times times) {
        long qemu =
                times.stopNanos() + times.devicesNanos() + times.disksNanos() + times.contNanos();
        Stop stop =
                new Stop(
                        times.stopNanos(),
                        times.devicesNanos(),
                        times.disksNanos(),
                        Math.max(0, report.times().pauseNanos() - qemu),
                        times.contNanos());
        record("stop", "until the processors stood", stop.stopNanos());
        record("devices", "the state of the devices", stop.devicesNanos());
        record("disks", "overlays and hook", stop.disksNanos());
        record("ours", "hot pages and the rest of the stop", stop.oursNanos());
        record("cont", "until QEMU said that it runs again", stop.contNanos());
        return stop;
    }

    private void record(String part, String description, long nanos) {
        Timer.builder("stillframe.machine.stop." + part)
                .description(description)
                .register(registry)
                .record(nanos, TimeUnit.NANOSECONDS);
    }
}
