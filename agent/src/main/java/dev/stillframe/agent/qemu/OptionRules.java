package dev.stillframe.agent.qemu;

import dev.stillframe.agent.qemu.OptionText.Property;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What is taken of a command line that stands in an image, which anybody may have written: the
 * machine, and nothing of what its QEMU did to its host. Immutable.
 *
 * <p>Taken are processors, memory, devices of known kinds and disks. Whatever opens a connection,
 * listens, runs a program or writes a file is replaced by something of the same kind that leads
 * nowhere, because devices hang on it, or left away, where nothing does. What reads a file is taken
 * with an absolute name only, which is shown before it is used; a relative one could also be a
 * protocol ({@code nbd:...}). All else is refused by name, for instance {@code -plugin}, {@code
 * -readconfig}, {@code -fsdev} or a device of the host: silently without it, the machine would be
 * another. Source: qemu(1) of version 7.2.
 */
final class OptionRules {
    /** Decides on one option. */
    @FunctionalInterface
    interface Rule {
        /**
         * The words that stand for it: its own, others, or none if it is left away.
         *
         * @throws Refused if there is nothing that may
         */
        List<String> words(String option, String value) throws Refused;
    }

    /** The message says what of the value is not taken. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String message) {
            super(message);
        }
    }

    private static final Rule LEFT_AWAY = (_, _) -> List.of();
    private static final Rule FLAG = (option, _) -> List.of(option);
    private static final Rule TEXT = (option, value) -> List.of(option, value);

    private static final Set<String> MACHINE_KEYS =
            Set.of(
                    "type",
                    "accel",
                    "usb",
                    "vmport",
                    "smm",
                    "graphics",
                    "dump-guest-core",
                    "mem-merge",
                    "memory-backend",
                    "hpet",
                    "nvdimm",
                    "nvdimm-persistence",
                    "hmat",
                    "pflash0",
                    "pflash1",
                    "smbus",
                    "sata",
                    "i8042",
                    "pic",
                    "pit",
                    "pcspk-audiodev",
                    "max-ram-below-4g",
                    "acpi",
                    "kernel-irqchip",
                    "kernel_irqchip",
                    "suppress-vmdesc",
                    "default-bus-bypass-iommu",
                    "smbios-entry-point-type",
                    "x-oem-id",
                    "x-oem-table-id",
                    "cxl",
                    "gic-version",
                    "highmem",
                    "its",
                    "virtualization",
                    "secure",
                    "ras",
                    "mte",
                    "iommu",
                    "rtc");

    private static final Pattern DEVICES =
            Pattern.compile(
                    "virtio-(net|blk|scsi|serial|rng|balloon|gpu|keyboard|mouse|tablet|iommu)(-pci(-(non-)?transitional)?|-device|-ccw)?"
                            + "|virtio-vga|virtserialport|virtconsole|scsi-(hd|cd|disk)|ide-(hd|cd)|nvme(-ns)?|(ich9-)?ahci"
                            + "|piix[34]-(ide|usb-uhci)|megasas(-gen2)?|lsi53c8\\w+|mptsas1068|pvscsi|e1000e?(-\\w+)?|i8255\\w+"
                            + "|rtl8139|ne2k_(pci|isa)|pcnet|vmxnet3|igb|VGA|cirrus-vga|qxl(-vga)?|bochs-display|secondary-vga"
                            + "|vmware-svga|isa-(serial|parallel|debugcon|debug-exit|fdc)|pci-serial|floppy|(ich9-)?usb-[eu]hci\\d*"
                            + "|nec-usb-xhci|qemu-xhci|pci-ohci|usb-(tablet|kbd|mouse|storage|hub|wacom-tablet)|(ich9-)?intel-hda"
                            + "|hda-(duplex|micro|output)|AC97|ES1370|sb16|pcie-root-port|pcie-pci-bridge|pci-bridge|ioh3420"
                            + "|i82801b11-bridge|x3130-upstream|xio3130-downstream|pxb(-pcie)?|(intel|amd)-iommu|i6300esb|ib700"
                            + "|pvpanic(-pci)?|vmgenid|vmcoreinfo|pc-dimm|nvdimm|[\\w.-]+-(x86_64|i386|arm|riscv64|s390x)-cpu");

    /** Keys of devices and the like that lead to the host: its files, devices and descriptors. */
    private static final Pattern HOST_KEYS =
            Pattern.compile(
                    ".*(romfile|file|path|splash|dump|evdev|sysfsdev|fds?|hostdev|hostbus|hostaddr|hostport|tls|rr)$");

    private static final Pattern DRIVE_KEYS =
            Pattern.compile(
                    "((file|backing)\\.)*(file|driver|filename|node-name|locking|aio|cache(\\.[a-z-]+)?|read-?only|auto-read-only"
                            + "|discard|detect-zeroes|if|id|format|media|index|bus|unit|snapshot|werror|rerror|serial|copy-on-read"
                            + "|(bps|iops)[a-z_-]*|throttling\\.[a-z-]+|l2-cache-size|cache-size|lazy-refcounts|offset|size)");

    private static final Set<String> FORMATS =
            Set.of(
                    "raw",
                    "qcow2",
                    "qcow",
                    "qed",
                    "vmdk",
                    "vdi",
                    "vhdx",
                    "vpc",
                    "file",
                    "host_device",
                    "host_cdrom",
                    "null-co");

    private static final Set<String> MEMORY_KEYS =
            Set.of(
                    "id",
                    "size",
                    "share",
                    "policy",
                    "merge",
                    "dump",
                    "prealloc",
                    "prealloc-threads",
                    "hugetlb",
                    "hugetlbsize",
                    "reserve");

    private final Map<String, Rule> rules = new HashMap<>();
    private int hubs;

    OptionRules() {
        all(
                FLAG,
                "nodefaults",
                "no-user-config",
                "enable-kvm",
                "no-reboot",
                "no-shutdown",
                "no-hpet",
                "no-acpi",
                "no-fd-bootchk",
                "usb",
                "only-migratable");
        all(
                LEFT_AWAY,
                "daemonize",
                "S",
                "s",
                "monitor",
                "qmp",
                "qmp-pretty",
                "mon",
                "pidfile",
                "D",
                "d",
                "trace",
                "incoming",
                "vnc",
                "spice",
                "msg",
                "gdb",
                "runas",
                "chroot",
                "mem-path",
                "mem-prealloc",
                "loadvm",
                "echr",
                "full-screen");
        all(TEXT, "append", "name", "uuid");
        all(
                keys(null),
                "cpu",
                "smp",
                "m",
                "numa",
                "rtc",
                "boot",
                "global",
                "k",
                "vga",
                "watchdog",
                "watchdog-action",
                "icount",
                "overcommit",
                "sandbox",
                "smbios",
                "accel",
                "action");
        all(OptionRules::usbDevice, "usbdevice");
        all(keys(MACHINE_KEYS), "machine", "M");
        all(
                (option, value) -> List.of(option, file(value)),
                "kernel",
                "initrd",
                "dtb",
                "bios",
                "hda",
                "hdb",
                "hdc",
                "hdd",
                "cdrom",
                "fda",
                "fdb",
                "sd",
                "mtdblock",
                "pflash");
        all((_, _) -> List.of("-display", "none"), "display", "nographic");
        all((option, value) -> List.of(option, port(value)), "serial", "parallel", "debugcon");
        all((option, value) -> List.of(option, "null,id=" + id(value)), "chardev");
        all((option, value) -> List.of(option, "none,id=" + id(value)), "audiodev");
        all(
                (option, value) -> List.of(option, "hubport,id=" + id(value) + ",hubid=" + hubs++),
                "netdev");
        all(OptionRules::nic, "nic");
        all(OptionRules::net, "net");
        all(OptionRules::device, "device");
        all(OptionRules::object, "object");
        all((option, value) -> drive(option, value, true), "drive");
        all((option, value) -> drive(option, value, false), "blockdev");
        all(OptionRules::firmwareConfig, "fw_cfg");
    }

    private void all(Rule rule, String... options) {
        for (String option : options) {
            rules.put(option, rule);
        }
    }

    /** For an option without its dashes; null if nothing is known of it. */
    @Nullable Rule of(String option) {
        return rules.get(option);
    }

    /** Whether an option has no value. */
    static boolean isFlag(String option) {
        return Set.of(
                        "nodefaults",
                        "no-user-config",
                        "enable-kvm",
                        "no-reboot",
                        "no-shutdown",
                        "no-hpet",
                        "no-acpi",
                        "no-fd-bootchk",
                        "usb",
                        "only-migratable",
                        "daemonize",
                        "S",
                        "s",
                        "mem-prealloc",
                        "full-screen",
                        "nographic")
                .contains(option);
    }

    /** Nothing of the host; {@code allowed} is null if all other keys are. */
    private static Rule keys(@Nullable Set<String> allowed) {
        return (option, value) -> {
            OptionText text = parsed(value, "type");
            harmless("", text.type());
            for (Property property : text.properties()) {
                if (allowed != null && !allowed.contains(property.key())) {
                    throw new Refused("'%s' in it".formatted(property.key()));
                }
                harmless(property.key(), property.value());
            }
            return List.of(option, value);
        };
    }

    private static OptionText parsed(String value, String typeKey) throws Refused {
        OptionText text = OptionText.parse(value, typeKey);
        if (text == null) {
            throw new Refused("it is no JSON");
        }
        return text;
    }

    private static void harmless(String key, String value) throws Refused {
        boolean reaches = HOST_KEYS.matcher(key).matches() && !value.isEmpty();
        boolean named =
                key.equals("property")
                        && HOST_KEYS.matcher(value).matches(); // -global, in its long form
        if (reaches || named || value.contains("/")) {
            throw new Refused(
                    "'%s' in it would reach for the host"
                            .formatted(key.isEmpty() ? value : key + "=" + value));
        }
    }

    private static String id(String value) throws Refused {
        String id = parsed(value, "type").value("id");
        if (id == null || !id.matches("[A-Za-z][A-Za-z0-9_.-]*")) {
            throw new Refused("it has no id");
        }
        return id;
    }

    /**
     * One that is a character device of its own keeps its name: QEMU gives names to those that have
     * none.
     */
    private static String port(String value) {
        return value.equals("none") || value.matches("chardev:[A-Za-z][A-Za-z0-9_.-]*")
                ? value
                : "null";
    }

    /** A name of a file that cannot be anything else. */
    private static String file(String name) throws Refused {
        if (!name.startsWith("/")) {
            throw new Refused("the file '%s' in it is not named from the root".formatted(name));
        }
        return name;
    }

    private static List<String> device(String option, String value) throws Refused {
        OptionText device = parsed(value, "driver");
        String driver =
                device.type().isEmpty()
                        ? Objects.requireNonNullElse(device.value("driver"), "")
                        : device.type();
        if (!DEVICES.matcher(driver).matches()) {
            throw new Refused("a device of the kind '%s'".formatted(driver));
        }
        for (Property property : device.properties()) {
            harmless(property.key(), property.value());
        }
        return List.of(option, value);
    }

    /**
     * Memory comes from the kernel, not from a file of the image's choice, which the guest would
     * write to.
     */
    private static List<String> object(String option, String value) throws Refused {
        OptionText object = parsed(value, "qom-type");
        String type =
                object.type().isEmpty()
                        ? Objects.requireNonNullElse(object.value("qom-type"), "")
                        : object.type();
        return switch (type) {
            case "memory-backend-ram", "memory-backend-memfd", "memory-backend-file" -> {
                String kind = type.equals("memory-backend-file") ? "memory-backend-memfd" : type;
                List<Property> kept =
                        object.properties().stream()
                                .filter(
                                        p ->
                                                MEMORY_KEYS.contains(p.key())
                                                        || p.key().matches("host-nodes(\\.\\d+)?"))
                                .toList();
                yield List.of(option, new OptionText(kind, kept).text());
            }
            case "rng-random", "rng-builtin", "rng-egd" ->
                    List.of(option, "rng-builtin,id=" + id(value));
            case "iothread", "throttle-group" -> {
                for (Property property : object.properties()) {
                    harmless(property.key(), property.value());
                }
                yield List.of(option, value);
            }
            default -> throw new Refused("an object of the kind '%s'".formatted(type));
        };
    }

    private static List<String> drive(String option, String value, boolean isDrive) throws Refused {
        OptionText drive = parsed(value, "driver");
        if (!drive.type().isEmpty() && !FORMATS.contains(drive.type())) {
            throw new Refused("a disk of the kind '%s'".formatted(drive.type()));
        }
        for (Property property : drive.properties()) {
            String key = property.key();
            boolean named = key.endsWith("filename") || isDrive && key.equals("file");
            if (!DRIVE_KEYS.matcher(key).matches()) {
                throw new Refused("'%s' in it".formatted(key));
            }
            if (named && !property.value().isEmpty()) {
                file(property.value());
            } else if (!named && property.value().contains("/")) {
                throw new Refused("'%s=%s' in it".formatted(key, property.value()));
            }
            boolean kind = key.endsWith("driver") || key.equals("format");
            if (kind && !FORMATS.contains(property.value())) {
                throw new Refused("a disk of the kind '%s'".formatted(property.value()));
            }
        }
        return List.of(option, value);
    }

    private static List<String> usbDevice(String option, String value) throws Refused {
        if (!Set.of("tablet", "mouse", "keyboard", "wacom-tablet").contains(value)) {
            throw new Refused("a device of the kind '%s'".formatted(value));
        }
        return List.of(option, value);
    }

    /** The card, on a network that leads nowhere. */
    private static List<String> nic(String option, String value) throws Refused {
        OptionText nic = parsed(value, "type");
        if (nic.type().equals("none")) {
            return List.of(option, value);
        }
        List<Property> card =
                nic.properties().stream()
                        .filter(p -> Set.of("model", "mac", "addr", "id").contains(p.key()))
                        .toList();
        String kept = new OptionText("user", card).text();
        return List.of(option, kept + ",restrict=on");
    }

    private static List<String> net(String option, String value) throws Refused {
        OptionText net = parsed(value, "type");
        for (Property property : net.properties()) {
            harmless(property.key(), property.value());
        }
        return Set.of("none", "nic").contains(net.type()) ? List.of(option, value) : List.of();
    }

    private static List<String> firmwareConfig(String option, String value) throws Refused {
        OptionText item = parsed(value, "name");
        for (Property property : item.properties()) {
            if (!Set.of("name", "string").contains(property.key())) {
                throw new Refused("'%s' in it".formatted(property.key()));
            }
        }
        return List.of(option, value);
    }
}
