package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes the regions of an image out of the mappings at T0 and the blocks that have something in
 * them.
 */
final class LayoutBuilder {
    private final BlockTable table;
    private final Registration registration;
    private final Target target;
    private final Map<Long, Set<String>> flags;
    private long nextOrdinal;

    LayoutBuilder(
            BlockTable table,
            Registration registration,
            Target target,
            Map<Long, Set<String>> flags) {
        this.table = table;
        this.registration = registration;
        this.target = target;
        this.flags = flags;
    }

    /** The regions, in address order. */
    List<Region> regions(Freeze freeze) {
        List<Region> regions = new ArrayList<>();
        for (Mapping mapping : freeze.mappings()) {
            Treatment treatment =
                    Treatment.of(mapping, flags.getOrDefault(mapping.range().start(), Set.of()));
            List<AddressRange> content =
                    treatment.way() == Treatment.Way.PROTECT
                            ? tracked(mapping)
                            : freeze.stored().getOrDefault(mapping, List.of());
            boolean hasFile =
                    treatment.kind() == RegionKind.PRIVATE_FILE
                            || treatment.kind() == RegionKind.SHARED_FILE;
            regions.add(
                    new Region(
                            mapping.range(),
                            mapping.protection(),
                            treatment.kind(),
                            mapping.name(),
                            mapping.offset(),
                            hasFile ? target.fileOf(mapping) : null,
                            content.stream().map(range -> extent(mapping, range)).toList()));
        }
        return regions;
    }

    private Extent extent(Mapping mapping, AddressRange range) {
        long pages = range.sizeBytes() / Block.PAGE_BYTES;
        Extent extent =
                new Extent(
                        (range.start() - mapping.range().start()) / Block.PAGE_BYTES,
                        pages,
                        nextOrdinal);
        nextOrdinal += pages;
        return extent;
    }

    /**
     * The parts of a mapping that lie in blocks, neighbours joined; all of it where nothing may be
     * left out.
     */
    private List<AddressRange> tracked(Mapping mapping) {
        if (target.isSolid() && registration.isTracked(mapping.range().start())) {
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
