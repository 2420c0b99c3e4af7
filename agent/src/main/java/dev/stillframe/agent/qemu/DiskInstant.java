package dev.stillframe.agent.qemu;

import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.process.TargetException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is done for the disks while the machine stands, so that they are of the same instant as its
 * memory: an overlay for each that the guest can write to, after which the file below is as it was
 * at T0; and a command of the user's.
 */
final class DiskInstant {
    private static final Logger LOG = LoggerFactory.getLogger(DiskInstant.class);

    /** The machine stands meanwhile. */
    private static final Duration HOOK_PATIENCE = Duration.ofSeconds(30);

    private final Qmp qmp;
    private final int pid;
    private final @Nullable Path overlays;
    private final @Nullable String hook;
    private final Guardian guardian;
    private List<Overlay> made = List.of();

    /**
     * For a machine in process {@code pid}; {@code guardian} takes overlays back if we cannot.
     *
     * @param subject has what the user wants
     */
    DiskInstant(Qmp qmp, int pid, MachineSnapshot.Subject subject, Guardian guardian) {
        this.qmp = qmp;
        this.pid = pid;
        this.overlays = subject.overlays();
        this.hook = subject.diskHook();
        this.guardian = guardian;
    }

    /**
     * Does it.
     *
     * @return the disks, with their overlays
     * @throws IOException if it cannot be done; of overlays either all are made or none
     */
    List<MachineState.Disk> hold(VirtualMachine vm) throws IOException {
        List<MachineState.Disk> held = overlays == null ? vm.disks() : overlay(vm, overlays);
        if (hook != null) {
            run(hook);
        }
        return held;
    }

    /** The image is about to be published, for which the overlays stay whatever becomes of us. */
    void keep() throws IOException {
        guardian.keepOverlays();
    }

    /**
     * After a snapshot that failed: the disks go on in the files of before, and of the overlays
     * nothing is left. The machine runs meanwhile. What cannot be done is logged: a disk goes on in
     * its overlay then.
     */
    void takeBack() {
        if (made.isEmpty()) {
            return;
        }
        boolean interrupted = Thread.interrupted(); // it is to be done all the same
        for (Overlay overlay : made) {
            try {
                overlay.takeBack(qmp, pid);
            } catch (IOException e) {
                LOG.error(
                        "the machine's disk {} goes on in {}, which could not be taken back: {}; commit it with block-commit",
                        overlay.device(),
                        overlay.file(),
                        e.getMessage());
            }
        }
        try {
            guardian.keepOverlays(); // it has nothing more to do with them
        } catch (IOException e) { // it has gone, which comes to the same
            LOG.warn(
                    "the process that would have taken overlays back does not listen: {}",
                    e.getMessage());
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private List<MachineState.Disk> overlay(VirtualMachine vm, Path directory) throws IOException {
        List<MachineState.Disk> held = new ArrayList<>();
        List<Overlay> planned = new ArrayList<>();
        List<Map<String, Object>> actions = new ArrayList<>();
        String stamp =
                "%d-%016x".formatted(System.currentTimeMillis(), new SecureRandom().nextLong());
        for (MachineState.Disk disk : vm.disks()) {
            if (!disk.writable()) {
                held.add(disk);
                continue;
            }
            String name = disk.device().replaceAll("[^A-Za-z0-9_.-]", "_") + "-" + stamp;
            String file = directory.resolve(name + ".qcow2").toString();
            String below = vm.node(disk);
            String above = "sf-" + Integer.toHexString(name.hashCode()); // 31 characters at most
            boolean isNode = below.equals(disk.device());
            Map<String, Object> data =
                    new HashMap<>(Map.of("snapshot-file", file, "format", "qcow2"));
            data.put(isNode ? "node-name" : "device", disk.device());
            data.put("snapshot-node-name", above);
            planned.add(new Overlay(isNode ? above : disk.device(), below, file));
            actions.add(Map.of("type", "blockdev-snapshot-sync", "data", data));
            held.add(new MachineState.Disk(disk.device(), disk.file(), disk.format(), true, file));
        }
        if (!actions.isEmpty()) {
            guardian.mayTakeBack(pid, planned);
            made = List.copyOf(planned);
            qmp.execute("transaction", Map.of("actions", actions));
        }
        return held;
    }

    private void run(String command) throws IOException {
        // Its output is no fact of ours: a script reads those on standard output.
        ProcessBuilder builder =
                new ProcessBuilder("/bin/sh", "-c", "exec /bin/sh -c \"$1\" >&2", "sh", command)
                        .inheritIO();
        builder.environment().put("STILLFRAME_QEMU_PID", Integer.toString(pid));
        Process process = builder.start();
        try {
            if (!process.waitFor(HOOK_PATIENCE.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new TargetException(
                        "the disk hook did not end within %d s, while the machine stood: %s"
                                .formatted(HOOK_PATIENCE.toSeconds(), command));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted in the disk hook").initCause(e);
        } finally {
            process.descendants()
                    .forEach(ProcessHandle::destroyForcibly); // the shell's, if it did not end
            process.destroyForcibly();
        }
        if (process.exitValue() != 0) {
            throw new TargetException(
                    "the disk hook failed with exit code %d: %s"
                            .formatted(process.exitValue(), command));
        }
    }
}
