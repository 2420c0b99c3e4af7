package dev.stillframe.engine.arena;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the images of an arena say of it: one region, from address 0 on. Immutable.
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

    /** An image of all pages at {@code instantEpochNanos}, T0 in nanoseconds since 1970. */
    public Layout whole(long instantEpochNanos) {
        return layout(
                instantEpochNanos,
                RegionKind.ANONYMOUS,
                null,
                List.of(new Extent(0, sizeBytes / MemoryArena.PAGE_BYTES, 0)));
    }

    /**
     * An image of some pages.
     *
     * @param instantEpochNanos T0 in nanoseconds since 1970
     * @param parent has the other pages
     * @param pages their numbers, below the arena's
     */
    public Layout changes(long instantEpochNanos, ArenaReport parent, BitSet pages) {
        return layout(
                instantEpochNanos,
                RegionKind.CHANGES,
                new FileReference(parent.rootHash(), 0, sizeBytes, -1, null),
                runs(pages));
    }

    private Layout layout(
            long instantEpochNanos,
            RegionKind kind,
            @Nullable FileReference parent,
            List<Extent> extents) {
        Region region =
                new Region(
                        new AddressRange(0, sizeBytes),
                        permissions,
                        kind,
                        "[arena " + name + "]",
                        0,
                        parent,
                        extents);
        return new Layout(
                MemoryArena.PAGE_BYTES,
                instantEpochNanos,
                source,
                new byte[0],
                List.of(),
                List.of(region));
    }

    private static List<Extent> runs(BitSet pages) {
        List<Extent> extents = new ArrayList<>();
        long ordinal = 0;
        for (int first = pages.nextSetBit(0); first >= 0; ) {
            int end = pages.nextClearBit(first);
            extents.add(new Extent(first, end - first, ordinal));
            ordinal += end - first;
            first = pages.nextSetBit(end);
        }
        return extents;
    }
}
