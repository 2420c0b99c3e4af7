package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.process.TargetException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is to be known of a machine before it is captured. Immutable.
 *
 * @param version QEMU's
 * @param type the machine's, {@code pc-q35-7.2}
 * @param running whether it runs
 * @param ram its memory
 * @param disks its block devices with something in them
 * @param nodes what QEMU's block graph calls what is in each of them, by the disk's name
 * @param balloonBytes what the balloon leaves to the guest; -1 if there is none
 * @param remarks for the user: what the image will not have, though nothing is wrong
 */
record VirtualMachine(
        String version,
        String type,
        boolean running,
        List<RamBlock> ram,
        List<MachineState.Disk> disks,
        Map<String, String> nodes,
        long balloonBytes,
        List<String> remarks) {
    /** Writes the state of all devices and of nothing else, and leaves a paused machine paused. */
    static final String SAVE_DEVICES = "xen-save-devices-state";

    private static final Set<String> STANDING = Set.of("paused", "postmigrate", "prelaunch");
    private static final Set<String> MIGRATION_OVER =
            Set.of("", "none", "completed", "failed", "cancelled");

    /** Where QEMU keeps devices, by how they came to be. */
    private static final List<String> DEVICES =
            List.of("/machine/peripheral", "/machine/peripheral-anon");

    /**
     * Looks, and changes nothing.
     *
     * @throws TargetException if no image of it can be taken, with what is in the way and what to
     *     do
     */
    static VirtualMachine examine(Qmp qmp) throws IOException {
        refuseOldQemu(qmp);
        refuseMigration(qmp.execute("query-migrate"));
        boolean running = isRunning(qmp);
        refuseDevices(qmp);
        Set<String> backends = new HashSet<>();
        qmp.execute("query-memdev").forEach(backend -> backends.add(backend.path("id").asText()));
        RamBlock.Found found = RamBlock.find(qmp, backends);
        if (found.blocks().isEmpty()) {
            throw new TargetException("this machine has no memory that its guest can see");
        }
        List<String> remarks = new ArrayList<>();
        if (!found.unseen().isEmpty()) {
            remarks.add(
                    "not in the image, because the guest does not see it now: %s; QEMU makes it anew"
                            .formatted(String.join(", ", found.unseen())));
        }
        JsonNode blockDevices = qmp.execute("query-block");
        return new VirtualMachine(
                qmp.version(),
                type(qmp),
                running,
                found.blocks(),
                disks(blockDevices),
                nodes(blockDevices),
                balloon(qmp),
                remarks);
    }

    private static void refuseOldQemu(Qmp qmp) throws IOException {
        for (JsonNode command : qmp.execute("query-commands")) {
            if (command.path("name").asText().equals(SAVE_DEVICES)) {
                return;
            }
        }
        throw new TargetException(
                "this QEMU (%s) has no command %s, by which the state of its devices is had; use a QEMU from 1.1 on that was built with migration"
                        .formatted(qmp.version(), SAVE_DEVICES));
    }

    private static void refuseMigration(JsonNode migration) throws TargetException {
        String status = migration.path("status").asText();
        if (!MIGRATION_OVER.contains(status)) {
            throw new TargetException(
                    "the machine is being migrated (%s); wait until that is over, or cancel it"
                            .formatted(status));
        }
        List<String> reasons = new ArrayList<>();
        migration.path("blocked-reasons").forEach(reason -> reasons.add(reason.asText()));
        if (!reasons.isEmpty()) {
            throw new TargetException(
                    "the state of its devices cannot be saved: %s; take that device away from it (device_del) or replace it"
                            .formatted(String.join("; ", reasons)));
        }
    }

    private static boolean isRunning(Qmp qmp) throws IOException {
        JsonNode answer = qmp.execute("query-status");
        String status = answer.path("status").asText();
        if (!answer.path("running").asBoolean() && !STANDING.contains(status)) {
            throw new TargetException(
                    "the machine is in state '%s'; an image can be taken of a running or a paused one"
                            .formatted(status));
        }
        return answer.path("running").asBoolean();
    }

    /** Devices behind which somebody else writes, or takes memory away without a word. */
    private static void refuseDevices(Qmp qmp) throws IOException {
        for (String place : DEVICES) {
            for (JsonNode device : qmp.execute("qom-list", Map.of("path", place))) {
                String type = device.path("type").asText();
                String name = device.path("name").asText();
                if (!type.startsWith("child<")) {
                    continue;
                }
                String reason =
                        reason(qmp, place + "/" + name, type.substring(6, type.length() - 1));
                if (reason != null) {
                    throw new TargetException(
                            "device %s (%s) %s"
                                    .formatted(name, type.substring(6, type.length() - 1), reason));
                }
            }
        }
        if (qmp.monitor("info network").contains("type=vhost-user")) {
            throw new TargetException(
                    "a network device of type vhost-user lets another process write to the guest's memory, which no protection"
                            + " of QEMU's memory sees; unplug it for the snapshot");
        }
    }

    private static @Nullable String reason(Qmp qmp, String path, String type) throws IOException {
        if (type.startsWith("vfio-") || type.startsWith("vhost-vdpa") || type.contains("iommufd")) {
            return "writes to the guest's memory by itself, past the page tables; unplug it for the snapshot";
        }
        if (type.startsWith("vhost-user")) {
            return "lets another process write to the guest's memory, which no protection of QEMU's memory sees; unplug it"
                    + " for the snapshot";
        }
        if (type.startsWith("virtio-mem")) {
            return "takes memory away from the guest without a word; unplug it for the snapshot";
        }
        if (type.startsWith("virtio-balloon") && isOn(qmp, path, "free-page-reporting")) {
            return "takes unused pages away all the time (free-page-reporting=on), also after the instant and before they are"
                    + " copied; start the machine without that";
        }
        return null;
    }

    private static boolean isOn(Qmp qmp, String path, String property) throws IOException {
        return qmp.execute("qom-get", Map.of("path", path, "property", property)).asBoolean();
    }

    private static String type(Qmp qmp) throws IOException {
        String type =
                qmp.execute("qom-get", Map.of("path", "/machine", "property", "type")).asText();
        return type.replaceFirst("-machine$", "");
    }

    /** What the balloon leaves to the guest; -1 without one. */
    static long balloon(Qmp qmp) throws IOException {
        try {
            return qmp.execute("query-balloon").path("actual").asLong();
        } catch (QmpException e) {
            if (e.errorClass().equals("DeviceNotActive")) {
                return -1;
            }
            throw e;
        }
    }

    /** What QEMU's block graph calls what is in a disk: its own name, if it has no device's. */
    String node(MachineState.Disk disk) {
        return nodes.getOrDefault(disk.device(), disk.device());
    }

    private static Map<String, String> nodes(JsonNode answer) {
        Map<String, String> nodes = new HashMap<>();
        for (JsonNode device : answer) {
            if (device.has("inserted")) {
                String node = device.path("inserted").path("node-name").asText();
                String name = device.path("device").asText();
                nodes.put(name.isEmpty() ? node : name, node);
            }
        }
        return nodes;
    }

    private static List<MachineState.Disk> disks(JsonNode answer) {
        List<MachineState.Disk> disks = new ArrayList<>();
        for (JsonNode device : answer) {
            JsonNode inserted = device.path("inserted");
            if (!inserted.isMissingNode()) {
                String name = device.path("device").asText();
                disks.add(
                        new MachineState.Disk(
                                name.isEmpty() ? inserted.path("node-name").asText() : name,
                                inserted.path("file").asText(),
                                inserted.path("drv").asText(),
                                !inserted.path("ro").asBoolean(),
                                null));
            }
        }
        return disks;
    }
}
