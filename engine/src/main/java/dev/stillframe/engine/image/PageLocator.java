package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import java.util.Arrays;
import java.util.List;

/** Finds regions by address, and extents by ordinal, in a layout. Immutable. */
final class PageLocator {
    private final int pageSizeBytes;
    private final List<Region> regions;
    private final long[] regionStarts;
    private final long[] ordinals;
    private final long[] addresses;
    private final int[] regionOfExtent;
    private final long pageCount;

    PageLocator(Layout layout) {
        pageSizeBytes = layout.pageSizeBytes();
        regions = layout.regions();
        regionStarts = regions.stream().mapToLong(region -> region.range().start()).toArray();
        int extents = regions.stream().mapToInt(region -> region.extents().size()).sum();
        ordinals = new long[extents];
        addresses = new long[extents];
        regionOfExtent = new int[extents];
        pageCount = layout.pageCount();
        int next = 0;
        for (int region = 0; region < regions.size(); region++) {
            for (Extent extent : regions.get(region).extents()) {
                ordinals[next] = extent.firstOrdinal();
                addresses[next] =
                        regions.get(region).range().start() + extent.firstPage() * pageSizeBytes;
                regionOfExtent[next++] = region;
            }
        }
    }

    /** Whether the pages exist and lie side by side in memory, that is, in one extent. */
    boolean inOneExtent(long firstOrdinal, long count) {
        if (firstOrdinal < 0
                || count < 1
                || count > pageCount
                || firstOrdinal > pageCount - count) {
            return false;
        }
        int extent = extentOf(firstOrdinal);
        long end = extent + 1 < ordinals.length ? ordinals[extent + 1] : pageCount;
        return firstOrdinal + count <= end;
    }

    /** Address of a page; the ordinal must exist. */
    long address(long ordinal) {
        int extent = extentOf(ordinal);
        return addresses[extent] + (ordinal - ordinals[extent]) * pageSizeBytes;
    }

    /** The page at an address that lies in an extent. */
    long ordinal(long address) {
        int found = Arrays.binarySearch(addresses, address);
        int extent = found >= 0 ? found : -found - 2;
        if (extent < 0) {
            throw new IndexOutOfBoundsException("no page at " + Long.toHexString(address));
        }
        return ordinals[extent] + (address - addresses[extent]) / pageSizeBytes;
    }

    /** The page at an address; -1 if none is accounted for there. */
    long find(long address) {
        int found = Arrays.binarySearch(addresses, address);
        int extent = found >= 0 ? found : -found - 2;
        if (extent < 0) {
            return -1;
        }
        long end = extent + 1 < ordinals.length ? ordinals[extent + 1] : pageCount;
        long ordinal = ordinals[extent] + (address - addresses[extent]) / pageSizeBytes;
        return ordinal < end ? ordinal : -1;
    }

    /** The region that a page belongs to; the ordinal must exist. */
    Region region(long ordinal) {
        return regions.get(regionOfExtent[extentOf(ordinal)]);
    }

    /**
     * Index of the first region that ends behind {@code address}; the number of regions if there is
     * none.
     */
    int firstRegionBehind(long address) {
        int found = Arrays.binarySearch(regionStarts, address);
        int before = found >= 0 ? found : -found - 2;
        return before >= 0 && regions.get(before).range().end() > address ? before : before + 1;
    }

    private int extentOf(long ordinal) {
        if (ordinal < 0 || ordinal >= pageCount) {
            throw new IndexOutOfBoundsException("page " + ordinal + " of " + pageCount);
        }
        int found = Arrays.binarySearch(ordinals, ordinal);
        return found >= 0 ? found : -found - 2;
    }
}
