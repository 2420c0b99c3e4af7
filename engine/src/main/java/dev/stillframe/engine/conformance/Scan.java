package dev.stillframe.engine.conformance;

import java.util.List;

/**
 * A PAGEMAP_SCAN ioctl ({@code Documentation/admin-guide/mm/pagemap.rst}). Immutable.
 *
 * @param flags WP_MATCHING 1, CHECK_WPASYNC 2
 * @param mask all of these categories are needed; they are also what is reported
 * @param regionsMax room for the answer; 0: none is wanted, and there is no buffer
 */
public record Scan(long start, long end, long flags, long mask, int regionsMax) {
    /** WP_MATCHING. */
    public static final long PROTECT = 1;

    /** CHECK_WPASYNC. */
    public static final long CHECK = 2;

    /** Adjacent pages. */
    public record Region(long start, long end) {}

    /** The number of regions or a negative errno, and the regions. */
    public record Answer(long result, List<Region> regions) {}

    /** Categories of pages. */
    public enum Category {
        /** Registered for asynchronous write-protection. */
        WPALLOWED(0x1),
        /** Not write-protected. */
        WRITTEN(0x2),
        /** Of a file, or shared. */
        FILE(0x4),
        /** In memory. */
        PRESENT(0x8),
        /** Swapped out, or a marker. */
        SWAPPED(0x10),
        /** The zero page. */
        PFNZERO(0x20),
        /** Part of a huge page. */
        HUGE(0x40);

        private final long bit;

        Category(long bit) {
            this.bit = bit;
        }

        /** Its bit. */
        public long bit() {
            return bit;
        }
    }
}
