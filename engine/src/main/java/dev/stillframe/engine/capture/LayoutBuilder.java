package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Makes the regions of an image out of mappings and of what is accounted for in them. */
final class LayoutBuilder {
    private final Target target;
    private final Map<Long, Set<String>> flags;
    private final Ordinals ordinals;

    /** What of a mapping is accounted for page by page. */
    @FunctionalInterface
    interface Content {
        /** By address, disjoint. */
        List<AddressRange> of(Mapping mapping);
    }

    LayoutBuilder(Target target, Map<Long, Set<String>> flags, Ordinals ordinals) {
        this.target = target;
        this.flags = flags;
        this.ordinals = ordinals;
    }

    /** The regions, in address order. */
    List<Region> regions(List<Mapping> mappings, Content content) {
        List<Region> regions = new ArrayList<>();
        for (Mapping mapping : mappings) {
            Treatment treatment = Treatment.of(mapping, flags);
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
                            ordinals.extents(mapping.range(), content.of(mapping))));
        }
        return regions;
    }
}
