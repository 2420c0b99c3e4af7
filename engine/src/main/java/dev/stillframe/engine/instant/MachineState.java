package dev.stillframe.engine.instant;

import dev.stillframe.engine.memory.AddressRange;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine at T0: what it takes to run it again, but for its memory and its disks.
 * Immutable; do not modify the array.
 *
 * @param hypervisor what ran it, with its version: {@code QEMU 7.2.22}
 * @param type the machine's type and version, which must be the same where it is restored: {@code
 *     pc-q35-7.2}
 * @param running whether it ran before the snapshot; a paused one is restored paused
 * @param devices the state of its devices and processors, as the hypervisor writes and reads it; at
 *     most {@link #MAX_DEVICES_BYTES}
 * @param blocks its memory, by address; each lies in regions of the layout
 * @param disks its block devices, for whoever keeps them; their contents are not in the image
 */
@SuppressWarnings("ArrayRecordComponent") // opaque, never compared
public record MachineState(
        String hypervisor,
        String type,
        boolean running,
        byte[] devices,
        List<Block> blocks,
        List<Disk> disks) {
    /**
     * The largest device state: far beyond any seen, and bounded because it comes from elsewhere.
     */
    public static final int MAX_DEVICES_BYTES = 32 << 20;

    /**
     * A piece of the machine's memory.
     *
     * @param name what the hypervisor calls it: {@code ram0}, {@code pc.bios}, {@code
     *     0000:00:02.0/vga.vram}
     * @param range where it is in the image, aligned to pages
     * @param usedBytes how much of it the hypervisor uses
     * @param backend whether the user defines it on the hypervisor's command line, as an object of
     *     that name
     */
    public record Block(String name, AddressRange range, long usedBytes, boolean backend) {
        /** JSON from elsewhere may say anything. */
        public Block {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(range, "range");
            if (name.isEmpty()
                    || name.length() > 255
                    || usedBytes < 0
                    || usedBytes > range.sizeBytes()) {
                throw new IllegalArgumentException(
                        "memory block '" + name + "' with " + usedBytes + " bytes of " + range);
            }
        }
    }

    /**
     * A block device with something in it.
     *
     * @param device what the hypervisor calls it
     * @param file what is in it: a path or another name
     * @param format {@code qcow2}, {@code raw}
     * @param writable whether the guest may write to it
     * @param overlay the file that the hypervisor writes to since T0, so that {@code file} is as it
     *     was then; null if there is none
     */
    public record Disk(
            String device, String file, String format, boolean writable, @Nullable String overlay) {
        /** JSON from elsewhere may say null. */
        public Disk {
            Objects.requireNonNull(device, "device");
            Objects.requireNonNull(file, "file");
            Objects.requireNonNull(format, "format");
        }
    }

    /** Copies the lists. */
    public MachineState {
        Objects.requireNonNull(hypervisor, "hypervisor"); // JSON from elsewhere may say null
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(devices, "devices");
        if (devices.length > MAX_DEVICES_BYTES) {
            throw new IllegalArgumentException(
                    "a device state of %d bytes; at most %d are stored"
                            .formatted(devices.length, MAX_DEVICES_BYTES));
        }
        blocks = List.copyOf(blocks);
        disks = List.copyOf(disks);
    }
}
