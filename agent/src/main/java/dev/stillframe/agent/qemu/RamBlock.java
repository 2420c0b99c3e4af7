package dev.stillframe.agent.qemu;

import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A piece of memory that QEMU gives a machine, and that the guest can see. Immutable. Source: the
 * human monitor's {@code info ramblock}, {@code info mtree -f} and {@code gpa2hva}, for which the
 * machine protocol has no commands.
 *
 * @param name QEMU's: {@code ram0}, {@code 0000:00:01.0/vga.vram}
 * @param range where it lies among the others by QEMU's own numbering ({@code ram_addr_t}), aligned
 *     to pages
 * @param usedBytes how much of it is in use
 * @param processStart where it is mapped in QEMU's process
 * @param backend whether it is a memory backend, which the user defines by that name
 */
record RamBlock(
        String name, AddressRange range, long usedBytes, long processStart, boolean backend) {
    private static final int PAGE_BYTES = 4096;

    private static final Pattern BLOCK =
            Pattern.compile(
                    "\\s*(\\S.*?)\\s+\\d+ [KMG]iB\\s+0x([0-9a-f]+)\\s+0x([0-9a-f]+)\\s+0x([0-9a-f]+)(?:\\s.*)?");
    private static final Pattern VISIBLE =
            Pattern.compile(
                    "\\s*([0-9a-f]{16})-[0-9a-f]{16} \\(prio -?\\d+, (?:ram|rom|romd|ramd|nv-ram)\\): (.+?)"
                            + "(?: @([0-9a-f]{16}))?(?: KVM)?");
    private static final Pattern HOST_ADDRESS = Pattern.compile(".* is 0x([0-9a-f]+)\\s*");

    /** Where the guest sees a block: at {@code address} there is its byte {@code offset}. */
    private record Place(long address, long offset) {}

    /**
     * What there is.
     *
     * @param blocks those that the guest can see now
     * @param unseen names of the others: what QEMU makes anew at each start and shows to firmware
     *     only, and memory of devices that are switched off, or that are there twice
     */
    record Found(List<RamBlock> blocks, List<String> unseen) {}

    /**
     * Asks QEMU for them.
     *
     * @param backends names of the memory backends
     * @throws IOException if QEMU's lists cannot be made sense of; the message holds what was not
     *     understood
     */
    static Found find(Qmp qmp, Set<String> backends) throws IOException {
        Map<String, Place> places = places(qmp.monitor("info mtree -f"));
        List<RamBlock> blocks = new ArrayList<>();
        List<String> unseen = new ArrayList<>();
        for (Listed listed : listed(qmp)) {
            Place place = places.get(listed.region());
            if (place == null || !listed.isAlone()) {
                unseen.add(listed.name());
            } else {
                long end = (listed.start() + listed.usedBytes() + PAGE_BYTES - 1) & -PAGE_BYTES;
                blocks.add(
                        new RamBlock(
                                listed.name(),
                                new AddressRange(listed.start(), end),
                                listed.usedBytes(),
                                hostAddress(qmp, place),
                                backends.contains(listed.name())));
            }
        }
        return new Found(blocks, unseen);
    }

    /**
     * A line of the list.
     *
     * @param region name of the memory region: the block's without the device that has it
     * @param isAlone whether no other block has a region of that name
     */
    private record Listed(String name, String region, long start, long usedBytes, boolean isAlone) {
        Listed withoutNamesake(boolean alone) {
            return new Listed(name, region, start, usedBytes, alone);
        }
    }

    private static List<Listed> listed(Qmp qmp) throws IOException {
        List<Listed> blocks = new ArrayList<>();
        for (String line : qmp.monitor("info ramblock").split("\\R")) {
            if (line.isBlank() || line.contains("Block Name")) {
                continue;
            }
            Matcher block = BLOCK.matcher(line);
            if (!block.matches()) {
                throw new IOException(
                        "QEMU's list of memory has a line that is not understood: " + line);
            }
            String name = block.group(1);
            blocks.add(
                    new Listed(
                            name,
                            name.substring(name.lastIndexOf('/') + 1),
                            Long.parseLong(block.group(2), 16),
                            Long.parseLong(block.group(3), 16),
                            true));
        }
        List<String> regions = blocks.stream().map(Listed::region).toList();
        return blocks.stream()
                .filter(b -> b.usedBytes() > 0)
                .map(b -> b.withoutNamesake(Collections.frequency(regions, b.region()) == 1))
                .toList();
    }

    /** By name of the memory region. */
    private static Map<String, Place> places(String tree) {
        Map<String, Place> places = new HashMap<>();
        for (String line : tree.split("\\R")) {
            Matcher visible = VISIBLE.matcher(line);
            if (visible.matches()) {
                String offset = visible.group(3);
                places.putIfAbsent(
                        visible.group(2),
                        new Place(
                                Long.parseUnsignedLong(visible.group(1), 16),
                                offset == null ? 0 : Long.parseLong(offset, 16)));
            }
        }
        return places;
    }

    private static long hostAddress(Qmp qmp, Place place) throws IOException {
        String answer = qmp.monitor("gpa2hva 0x" + Long.toHexString(place.address()));
        Matcher address = HOST_ADDRESS.matcher(answer.strip());
        if (!address.matches()) {
            throw new IOException(
                    "QEMU does not tell where guest address %x is in its memory: %s"
                            .formatted(place.address(), answer.strip()));
        }
        return Long.parseLong(address.group(1), 16) - place.offset();
    }
}
