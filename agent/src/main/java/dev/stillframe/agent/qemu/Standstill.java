package dev.stillframe.agent.qemu;

import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds a machine still for the instant: QEMU stops its processors, devices and disks, and writes
 * down the state of the devices. A machine that stood before stands afterwards. Owned by the thread
 * that takes the snapshot.
 */
final class Standstill implements Attachment {
    private static final Logger LOG = LoggerFactory.getLogger(Standstill.class);

    private final Qmp qmp;
    private final VirtualMachine vm;
    private final DeviceState devices;
    private final DiskInstant disks;
    private final Guardian guardian;
    private final Probe probe;
    private final Clock clock;
    private boolean stopped;
    private @Nullable MachineState machine;
    private long stopNanos;
    private long devicesNanos;
    private long disksNanos;
    private long contNanos;

    /** What it needs; nothing of it is closed with this. */
    record Parts(
            Qmp qmp,
            VirtualMachine vm,
            DeviceState devices,
            DiskInstant disks,
            Guardian guardian) {}

    /** {@code clock} is the snapshot's, too. */
    Standstill(Parts parts, Probe probe, Clock clock) {
        this.qmp = parts.qmp();
        this.vm = parts.vm();
        this.devices = parts.devices();
        this.disks = parts.disks();
        this.guardian = parts.guardian();
        this.probe = probe;
        this.clock = clock;
    }

    /**
     * Waits until the machine can be stopped: whoever lets it go on if we are killed has to be
     * there before.
     */
    void awaitGuardian() throws IOException {
        guardian.awaitReady();
    }

    /** The machine as it stood. */
    MachineState machine() {
        return Objects.requireNonNull(machine, "the machine was not stopped yet");
    }

    /**
     * What the stop was made of; the rest of the pause is the engine's.
     *
     * @param stopNanos until the processors stood
     * @param devicesNanos for the state of the devices
     * @param disksNanos for the user's hook and the overlays of disks
     * @param contNanos until the processors ran again
     */
    record Times(long stopNanos, long devicesNanos, long disksNanos, long contNanos) {}

    Times times() {
        return new Times(stopNanos, devicesNanos, disksNanos, contNanos);
    }

    @Override
    public WriteTracker tracker() {
        throw new IllegalStateException("the process has the tracker");
    }

    @Override
    public WriteMarks marks() {
        throw new IllegalStateException("the process has the marks");
    }

    /** No thread keeps anything in the guest's memory that the kernel would write at its end. */
    @Override
    public void watch(ExitListener listener, Consumer<Throwable> lost) {}

    /** QEMU waits for its disks, and has no limit for that but the socket's. */
    @Override
    public Standing freeze(Duration budget) throws IOException {
        long begin = clock.monotonicTime();
        if (vm.running()) {
            guardian.stopping();
            stopped = true;
            qmp.execute("stop");
        }
        probe.at("machine: stopped");
        long standing = clock.monotonicTime();
        byte[] state = devices.save(qmp);
        probe.at("machine: devices saved");
        long saved = clock.monotonicTime();
        List<MachineState.Disk> held = disks.hold(vm);
        probe.at("machine: disks held");
        stopNanos = standing - begin;
        devicesNanos = saved - standing;
        disksNanos = clock.monotonicTime() - saved;
        machine =
                new MachineState(
                        vm.version(),
                        vm.type(),
                        vm.running(),
                        state,
                        vm.ram().stream()
                                .map(
                                        b ->
                                                new MachineState.Block(
                                                        b.name(),
                                                        b.range(),
                                                        b.usedBytes(),
                                                        b.backend()))
                                .toList(),
                        held);
        return new Standing(List.of(), begin);
    }

    /** The processors' registers are in the state of the devices. */
    @Override
    public List<ThreadState> states() {
        return List.of();
    }

    @Override
    public void thaw() throws IOException {
        probe.at("machine: continue");
        long begin = clock.monotonicTime();
        if (stopped) {
            qmp.execute("cont");
            stopped = false;
            guardian.running();
        }
        contNanos = clock.monotonicTime() - begin;
    }

    /**
     * Whether the balloon stood still: QEMU takes pages away through the file, of which no
     * protection tells.
     */
    @Override
    public void confirm() throws IOException {
        if (vm.balloonBytes() >= 0
                && (VirtualMachine.balloon(qmp) != vm.balloonBytes()
                        || qmp.hasSeen("BALLOON_CHANGE"))) {
            throw new TargetException(
                    "the machine's balloon took or gave back memory while it was copied; try again when it is at rest");
        }
    }

    @Override
    public void close() {
        if (stopped) {
            boolean interrupted = Thread.interrupted(); // an answer would not be waited for
            try {
                thaw();
            } catch (IOException e) { // the guardian tries again when we end
                LOG.error(
                        "the machine could not be let go on, which is tried again in a moment: {}",
                        e.getMessage());
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
