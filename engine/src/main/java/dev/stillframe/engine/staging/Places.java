package dev.stillframe.engine.staging;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import java.util.Arrays;

/**
 * Where an address is in the image: the layout's extents as sorted arrays. Immutable; a look-up
 * allocates nothing.
 */
public final class Places {
    private final long[] starts;
    private final long[] ends;
    private final long[] ordinals;

    public Places(Layout layout) {
        int count = layout.regions().stream().mapToInt(region -> region.extents().size()).sum();
        starts = new long[count];
        ends = new long[count];
        ordinals = new long[count];
        int i = 0;
        for (Region region : layout.regions()) {
            for (Extent extent : region.extents()) {
                starts[i] = region.range().start() + extent.firstPage() * layout.pageSizeBytes();
                ends[i] = starts[i] + extent.pageCount() * layout.pageSizeBytes();
                ordinals[i++] = extent.firstOrdinal();
            }
        }
    }

    /** Which extent an address is in; -1 for none. */
    public int find(long address) {
        int index = Arrays.binarySearch(starts, address);
        int extent = index < 0 ? -index - 2 : index;
        return extent >= 0 && address < ends[extent] ? extent : -1;
    }

    public int count() {
        return starts.length;
    }

    public long start(int extent) {
        return starts[extent];
    }

    public long end(int extent) {
        return ends[extent];
    }

    public long ordinal(int extent, long address) {
        return ordinals[extent] + (address - starts[extent]) / StagingBlock.PAGE_BYTES;
    }
}
