package dev.stillframe.engine.instant;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Everything about one instant but the pages: what was mapped where, which pages are accounted for,
 * and the state of the threads. Do not modify the arrays.
 *
 * @param pageSizeBytes a power of two from 4096 to 65536
 * @param instantEpochNanos T0: wall-clock time, nanoseconds since 1970
 * @param source the process
 * @param auxv {@code /proc/PID/auxv}, as the kernel gives it
 * @param threads the main thread first
 * @param regions in address order, disjoint
 * @param machine the virtual machine whose memory it is; null if it is none, and then not in the
 *     JSON
 */
@SuppressWarnings("ArrayRecordComponent") // a kernel blob, never compared
public record Layout(
        int pageSizeBytes,
        long instantEpochNanos,
        Source source,
        byte[] auxv,
        List<ThreadState> threads,
        List<Region> regions,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable MachineState machine) {
    /** Of no virtual machine. */
    public Layout(
            int pageSizeBytes,
            long instantEpochNanos,
            Source source,
            byte[] auxv,
            List<ThreadState> threads,
            List<Region> regions) {
        this(pageSizeBytes, instantEpochNanos, source, auxv, threads, regions, null);
    }

    /** Copies the lists and checks every rule that a reader relies on. */
    public Layout {
        Objects.requireNonNull(source, "source"); // JSON from elsewhere may say null
        Objects.requireNonNull(auxv, "auxv");
        threads = List.copyOf(threads);
        regions = List.copyOf(regions);
        if (pageSizeBytes < 4096 || pageSizeBytes > 65536 || Integer.bitCount(pageSizeBytes) != 1) {
            throw new IllegalArgumentException("page size " + pageSizeBytes);
        }
        checkOrder(regions, pageSizeBytes);
    }

    /**
     * An instant as {@link #instantEpochNanos} says it: wall-clock time, nanoseconds since 1970.
     */
    public static long epochNanos(Instant instant) {
        return instant.getEpochSecond() * 1_000_000_000L + instant.getNano();
    }

    /** Pages that the image accounts for: those of all extents. */
    public long pageCount() {
        long count = 0;
        for (Region region : regions) {
            for (Extent extent : region.extents()) {
                count += extent.pageCount();
            }
        }
        return count;
    }

    /**
     * The ordinal behind the highest one of an extent: records of the index, and places in the page
     * file. As many as there are pages, unless the layout was amended: then some belong to no page.
     */
    public long ordinalCount() {
        long end = 0;
        for (Region region : regions) {
            for (Extent extent : region.extents()) {
                end = Math.max(end, extent.endOrdinal());
            }
        }
        return end;
    }

    private static void checkOrder(List<Region> regions, int pageSizeBytes) {
        long address = 0;
        List<Extent> all = new ArrayList<>();
        for (Region region : regions) {
            long start = region.range().start();
            long end = region.range().end();
            if (start < address || start % pageSizeBytes != 0 || end % pageSizeBytes != 0) {
                throw new IllegalArgumentException(
                        "region out of order or not aligned: " + region.range());
            }
            long page = 0;
            for (Extent extent : region.extents()) {
                if (extent.firstPage() < page
                        || extent.pageCount()
                                > (end - start) / pageSizeBytes - extent.firstPage()) {
                    throw new IllegalArgumentException(
                            extent + " does not fit region " + region.range());
                }
                page = extent.firstPage() + extent.pageCount();
                all.add(extent);
            }
            address = end;
        }
        checkOrdinals(all);
    }

    private static void checkOrdinals(List<Extent> extents) {
        extents.sort(Comparator.comparingLong(Extent::firstOrdinal));
        long ordinal = 0;
        for (Extent extent : extents) {
            if (extent.firstOrdinal() < ordinal
                    || extent.firstOrdinal() > Long.MAX_VALUE - extent.pageCount()) {
                throw new IllegalArgumentException(
                        extent + " has ordinals that another extent has, or that no page can have");
            }
            ordinal = extent.endOrdinal();
        }
    }
}
