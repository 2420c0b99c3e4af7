package dev.stillframe.engine.memory;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One mapping of the target as it was at T0. Immutable.
 *
 * @param range page-aligned addresses
 * @param protection four characters as in {@code /proc/PID/maps}: {@code rwxp}, {@code r--s}
 * @param kind what it is made of
 * @param name what {@code /proc/PID/maps} calls it ({@code [heap]}, {@code /memfd:ring (deleted)});
 *     empty for a nameless mapping
 * @param fileOffsetBytes where in its file the mapping begins; 0 without a file
 * @param file the file behind it; null for memory without one
 * @param extents in page order, disjoint; empty when nothing of the region is stored
 */
public record Region(
        AddressRange range,
        String protection,
        RegionKind kind,
        String name,
        long fileOffsetBytes,
        @Nullable FileReference file,
        List<Extent> extents) {
    /** Copies the list and checks the shape of the protection string. */
    public Region {
        Objects.requireNonNull(range, "range"); // JSON from elsewhere may say null
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(name, "name");
        extents = List.copyOf(extents);
        if (!protection.matches("[r-][w-][x-][ps]")) {
            throw new IllegalArgumentException("not a protection: '" + protection + "'");
        }
        if (fileOffsetBytes < 0) {
            throw new IllegalArgumentException("file offset " + fileOffsetBytes);
        }
    }
}
