package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds regions by address, and extents by ordinal and by address, in a layout. Immutable; a
 * look-up allocates nothing.
 */
final class PageLocator {
    private final int pageSizeBytes;
    private final List<Region> regions;
    private final long[] regionStarts;
    private final Place[] byAddress;
    private final Place[] byOrdinal;

    /** An extent and where it is. */
    private record Place(long address, Extent extent, Region region) {
        boolean has(long ordinal) {
            return ordinal >= extent.firstOrdinal() && ordinal < extent.endOrdinal();
        }
    }

    PageLocator(Layout layout) {
        pageSizeBytes = layout.pageSizeBytes();
        regions = layout.regions();
        regionStarts = regions.stream().mapToLong(region -> region.range().start()).toArray();
        byAddress =
                regions.stream()
                        .flatMap(region -> region.extents().stream().map(e -> place(region, e)))
                        .toArray(Place[]::new);
        byOrdinal = byAddress.clone();
        Arrays.sort(
                byOrdinal, Comparator.comparingLong((Place place) -> place.extent.firstOrdinal()));
    }

    private Place place(Region region, Extent extent) {
        return new Place(
                region.range().start() + extent.firstPage() * pageSizeBytes, extent, region);
    }

    /** Whether the pages exist and lie side by side in memory, that is, in one extent. */
    boolean inOneExtent(long firstOrdinal, long count) {
        Place place = of(firstOrdinal);
        return place != null && count >= 1 && count <= place.extent.endOrdinal() - firstOrdinal;
    }

    /**
     * The first ordinal from {@code ordinal} on that a page has; the largest number if none has.
     */
    long firstAtOrBehind(long ordinal) {
        int behind = behind(ordinal);
        if (behind > 0 && byOrdinal[behind - 1].has(ordinal)) {
            return ordinal;
        }
        return behind < byOrdinal.length ? byOrdinal[behind].extent.firstOrdinal() : Long.MAX_VALUE;
    }

    /** The ordinal behind the extent of a page; the ordinal must exist. */
    long endOfExtent(long ordinal) {
        return known(ordinal).extent.endOrdinal();
    }

    /** Whether a page has that ordinal. */
    boolean exists(long ordinal) {
        return of(ordinal) != null;
    }

    /** Address of a page; the ordinal must exist. */
    long address(long ordinal) {
        Place place = known(ordinal);
        return place.address + (ordinal - place.extent.firstOrdinal()) * pageSizeBytes;
    }

    /** The page at an address that lies in an extent. */
    long ordinal(long address) {
        long found = find(address);
        if (found < 0) {
            throw new IndexOutOfBoundsException("no page at " + Long.toHexString(address));
        }
        return found;
    }

    /** The page at an address; -1 if none is accounted for there. */
    long find(long address) {
        int low = 0;
        int behind = byAddress.length;
        while (low < behind) { // the first extent that begins behind the address
            int middle = (low + behind) >>> 1;
            if (byAddress[middle].address > address) {
                behind = middle;
            } else {
                low = middle + 1;
            }
        }
        if (low == 0) {
            return -1;
        }
        Place place = byAddress[low - 1];
        long page = (address - place.address) / pageSizeBytes;
        return page < place.extent.pageCount() ? place.extent.firstOrdinal() + page : -1;
    }

    /** The region that a page belongs to; the ordinal must exist. */
    Region region(long ordinal) {
        return known(ordinal).region;
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

    private Place known(long ordinal) {
        Place place = of(ordinal);
        if (place == null) {
            throw new IndexOutOfBoundsException("no page has the ordinal " + ordinal);
        }
        return place;
    }

    private @Nullable Place of(long ordinal) {
        int behind = behind(ordinal);
        return behind > 0 && byOrdinal[behind - 1].has(ordinal) ? byOrdinal[behind - 1] : null;
    }

    /** Index of the first extent whose ordinals are all behind {@code ordinal}. */
    private int behind(long ordinal) {
        int low = 0;
        int behind = byOrdinal.length;
        while (low < behind) {
            int middle = (low + behind) >>> 1;
            if (byOrdinal[middle].extent.firstOrdinal() > ordinal) {
                behind = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
