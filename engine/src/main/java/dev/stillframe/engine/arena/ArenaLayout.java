package dev.stillframe.engine.arena;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.util.List;

/**
 * What the images of an arena say of it: one region, from address 0 on, whose pages have their
 * numbers as ordinals. Immutable.
 *
 * @param name the arena's
 * @param permissions of its memory, as {@code /proc/PID/maps} has them
 * @param sizeBytes a multiple of {@link MemoryArena#PAGE_BYTES}
 * @param source the program whose arena it is
 */
public record ArenaLayout(String name, String permissions, long sizeBytes, Source source) {
    /**
     * Of an arena of this program. Looks up the name of the host, which can take seconds: nobody
     * may wait meanwhile.
     */
    public static ArenaLayout of(String name, String permissions, long sizeBytes) {
        return new ArenaLayout(name, permissions, sizeBytes, ArenaSource.of(name));
    }

    /** An image at {@code instantEpochNanos}, T0 in nanoseconds since 1970. */
    public Layout at(long instantEpochNanos) {
        Region region =
                new Region(
                        new AddressRange(0, sizeBytes),
                        permissions,
                        RegionKind.ANONYMOUS,
                        "[arena " + name + "]",
                        0,
                        null,
                        List.of(new Extent(0, sizeBytes / MemoryArena.PAGE_BYTES, 0)));
        return new Layout(
                MemoryArena.PAGE_BYTES,
                instantEpochNanos,
                source,
                new byte[0],
                List.of(),
                List.of(region));
    }
}
