package dev.stillframe.agent.cli;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The ranges that are missing for one reason. Immutable.
 *
 * @param ranges by address
 */
record MissingGroup(String reason, List<AddressRange> ranges) {
    MissingGroup {
        ranges = List.copyOf(ranges);
    }

    /** By reason, the one with the most memory first. */
    static List<MissingGroup> of(List<Missing> missing) {
        Map<String, List<AddressRange>> byReason = new TreeMap<>();
        missing.forEach(
                each ->
                        byReason.computeIfAbsent(each.reason(), _ -> new ArrayList<>())
                                .add(each.range()));
        return byReason.entrySet().stream()
                .map(entry -> new MissingGroup(entry.getKey(), entry.getValue()))
                .sorted(Comparator.comparingLong(MissingGroup::bytes).reversed())
                .toList();
    }

    long bytes() {
        return ranges.stream().mapToLong(AddressRange::sizeBytes).sum();
    }
}
