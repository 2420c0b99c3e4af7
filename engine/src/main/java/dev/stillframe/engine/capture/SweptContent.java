package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Mapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a snapshot with its instant at the start accounts for: the blocks that have something in
 * them, and what was copied in the freeze.
 *
 * @param table the blocks
 * @param registration what is registered
 * @param freeze what the freeze has found
 * @param flags VmFlags by mapping start
 * @param isSolid whether nothing of a mapping may be left out
 */
record SweptContent(
        BlockTable table,
        Registration registration,
        Freeze freeze,
        Map<Long, Set<String>> flags,
        boolean isSolid)
        implements LayoutBuilder.Content {
    @Override
    public List<AddressRange> of(Mapping mapping) {
        Treatment treatment = Treatment.of(mapping, flags);
        return treatment.way() == Treatment.Way.PROTECT
                ? tracked(mapping)
                : freeze.stored().getOrDefault(mapping, List.of());
    }

    /** The parts of a mapping that lie in blocks, neighbours joined. */
    private List<AddressRange> tracked(Mapping mapping) {
        if (isSolid && registration.isTracked(mapping.range().start())) {
            return List.of(mapping.range());
        }
        List<AddressRange> ranges = new ArrayList<>();
        for (Block block : table.within(mapping.range().start(), mapping.range().end())) {
            for (Piece piece : block.pieces()) {
                long start = Math.max(block.address(piece.firstPage()), mapping.range().start());
                long end = Math.min(block.address(piece.endPage()), mapping.range().end());
                if (start >= end) {
                    continue;
                }
                if (!ranges.isEmpty() && ranges.getLast().end() == start) {
                    start = ranges.removeLast().start();
                }
                ranges.add(new AddressRange(start, end));
            }
        }
        return ranges;
    }
}
