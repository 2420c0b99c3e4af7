package dev.stillframe.agent.qemu;

import dev.stillframe.engine.page.Machine;
import dev.stillframe.engine.target.TargetException;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What is done for the disks while the machine stands, so that they are of the same instant as its memory: an overlay for
 * each that the guest can write to, after which the file below is as it was at T0; and a command of the user's.
 */
final class DiskInstant {
    /** The machine stands meanwhile. */
    private static final Duration HOOK_PATIENCE = Duration.ofSeconds(30);

    private final Qmp qmp;
    private final int pid;
    private final @Nullable Path overlays;
    private final @Nullable String hook;

    /**
     * What the user wants.
     *
     * @param overlays the directory for overlays, as QEMU sees it; null for none
     * @param hook a command for the shell; null for none
     */
    DiskInstant(Qmp qmp, int pid, @Nullable Path overlays, @Nullable String hook) {
        this.qmp = qmp;
        this.pid = pid;
        this.overlays = overlays;
        this.hook = hook;
    }

    /**
     * Does it.
     *
     * @return the disks, with their overlays
     * @throws IOException if it cannot be done; of overlays either all are made or none
     */
    List<Machine.Disk> hold(VirtualMachine vm) throws IOException {
        List<Machine.Disk> held = overlays == null ? vm.disks() : overlay(vm, overlays);
        if (hook != null) {
            run(hook);
        }
        return held;
    }

    private List<Machine.Disk> overlay(VirtualMachine vm, Path directory) throws IOException {
        List<Machine.Disk> held = new ArrayList<>();
        List<Map<String, Object>> actions = new ArrayList<>();
        String stamp = Long.toString(System.currentTimeMillis());
        for (Machine.Disk disk : vm.disks()) {
            if (!disk.writable()) {
                held.add(disk);
                continue;
            }
            String name = disk.device().replaceAll("[^A-Za-z0-9_.-]", "_") + "-" + stamp;
            String file = directory.resolve(name + ".qcow2").toString();
            Map<String, Object> data = new HashMap<>(Map.of("snapshot-file", file, "format", "qcow2"));
            if (vm.nodes().contains(disk.device())) {
                data.put("node-name", disk.device());
                data.put("snapshot-node-name", "sf-" + Integer.toHexString(name.hashCode())); // 31 characters at most
            } else {
                data.put("device", disk.device());
            }
            actions.add(Map.of("type", "blockdev-snapshot-sync", "data", data));
            held.add(new Machine.Disk(disk.device(), disk.file(), disk.format(), true, file));
        }
        if (!actions.isEmpty()) {
            qmp.execute("transaction", Map.of("actions", actions));
        }
        return held;
    }

    private void run(String command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", command).inheritIO();
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
            throw (IOException) new InterruptedIOException("interrupted in the disk hook").initCause(e);
        } finally {
            process.destroyForcibly();
        }
        if (process.exitValue() != 0) {
            throw new TargetException("the disk hook failed with exit code %d: %s".formatted(process.exitValue(), command));
        }
    }
}
