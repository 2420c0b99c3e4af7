package dev.stillframe.engine.memory;

/**
 * A run of pages of one region that an image accounts for page by page. Pages of the region outside
 * its extents were empty at T0 (anonymous and shared memory) or are the file's own (file mappings).
 * Immutable.
 *
 * @param firstPage index of the first page within the region, at least 0
 * @param pageCount pages in the extent, at least 1
 * @param firstOrdinal number of the first page within the image: no two pages have the same, and
 *     {@code ordinal * pageSizeBytes} is a page's place in the image's page file. Extents that are
 *     known when the image begins are numbered through in address order, those that are found later
 *     behind them; what has gone since leaves a gap
 */
public record Extent(long firstPage, long pageCount, long firstOrdinal) {
    /** Rejects negative positions and empty extents. */
    public Extent {
        if (firstPage < 0 || pageCount < 1 || firstOrdinal < 0) {
            throw new IllegalArgumentException(
                    "extent of %d pages at page %d, ordinal %d"
                            .formatted(pageCount, firstPage, firstOrdinal));
        }
    }

    /** The ordinal behind the last page. */
    public long endOrdinal() {
        return firstOrdinal + pageCount;
    }
}
