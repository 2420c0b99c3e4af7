package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Entry.Marker;
import dev.stillframe.engine.mmu.Entry.Present;
import java.util.ArrayList;
import java.util.List;

/**
 * One PAGEMAP_SCAN ioctl ({@code Documentation/admin-guide/mm/pagemap.rst}). Under the model's
 * lock.
 */
public final class PageScan {
    /** Category: the mapping is registered for {@link Feature#WP_ASYNC}. */
    public static final long WPALLOWED = 1;

    /**
     * Category: not write-protected. So are empty entries that nobody ever protected; where a whole
     * 2 MiB was never touched there is no entry, and that counts only in a mapping that is
     * registered for write-protection.
     */
    public static final long WRITTEN = 2;

    /** Category: of a file or of shared memory. */
    public static final long FILE = 4;

    /** Category: in memory. */
    public static final long PRESENT = 8;

    /** Category: in swap, or a marker. */
    public static final long SWAPPED = 0x10;

    /** Category: the zero page. */
    public static final long PFNZERO = 0x20;

    /** Category: part of a huge page. */
    public static final long HUGE = 0x40;

    /** Flag: write-protect what matches. */
    public static final long WP_MATCHING = 1;

    /** Flag: fail where that is not possible. */
    public static final long CHECK_WPASYNC = 2;

    private static final long CATEGORIES = 0xff;

    /**
     * What to look for.
     *
     * @param regionsMax how many regions fit in the answer; 0: there is no buffer, and nothing is
     *     reported
     * @param pagesMax how many pages may match, 0: any number
     * @param inverted categories that count as present when they are absent
     * @param mask all of these are needed
     * @param anyOf one of these is needed, 0: does not matter
     * @param returned these are reported
     */
    public record Request(
            long start,
            long end,
            long flags,
            int regionsMax,
            long pagesMax,
            long inverted,
            long mask,
            long anyOf,
            long returned) {
        /** The written pages of a range, all of them. */
        public static Request written(long start, long end, boolean protect) {
            return new Request(
                    start,
                    end,
                    protect ? WP_MATCHING | CHECK_WPASYNC : 0,
                    Integer.MAX_VALUE,
                    0,
                    0,
                    WRITTEN,
                    0,
                    WRITTEN);
        }
    }

    /** Adjacent pages of the same categories. */
    public record Region(long start, long end, long categories) {}

    /** The number of regions or a negative errno, where the walk ended, and the regions. */
    public record Result(long result, long walkEnd, List<Region> regions) {}

    private final AddressSpace mm;
    private final Request request;
    private final List<Region> regions = new ArrayList<>();
    private long pagesFound;

    PageScan(AddressSpace mm, Request request) {
        this.mm = mm;
        this.request = request;
    }

    Result run() {
        if (isInvalid()) {
            return new Result(-Errno.EINVAL.number(), 0, List.of());
        }
        if (!mm.isAlive()) {
            return new Result(-Errno.ESRCH.number(), 0, List.of());
        }
        for (Vma vma : mm.overlapping(request.start(), request.end())) {
            boolean allowed = vma.isWpAsync() && vma.usesMarkers();
            if (!allowed && has(CHECK_WPASYNC)) {
                return new Result(-Errno.EPERM.number(), vma.start(), List.copyOf(regions));
            }
            if (!allowed && has(WP_MATCHING)) {
                continue;
            }
            long stopped = scan(vma, allowed ? WPALLOWED : 0);
            if (stopped != 0) {
                mm.splitHugeAtEnds(stopped, stopped);
                return new Result(regions.size(), stopped, List.copyOf(regions));
            }
        }
        return new Result(regions.size(), request.end(), List.copyOf(regions));
    }

    private boolean isInvalid() {
        long categories =
                request.inverted() | request.mask() | request.anyOf() | request.returned();
        return (request.flags() & ~(WP_MATCHING | CHECK_WPASYNC)) != 0
                || (categories & ~CATEGORIES) != 0
                || request.start() % Mmu.PAGE_BYTES != 0
                || request.start() > request.end()
                || request.regionsMax() == 0 && !has(WP_MATCHING);
    }

    private boolean has(long flag) {
        return (request.flags() & flag) != 0;
    }

    /** Where the answer was full, 0: it was not. */
    private long scan(Vma vma, long ofMapping) {
        long from = Math.max(vma.start(), request.start());
        long to = Math.min(vma.end(), request.end());
        for (long at = from; at < to; at += Mmu.PAGE_BYTES) {
            long categories = ofMapping | categories(vma, Mmu.pageOf(at));
            boolean reported = request.regionsMax() > 0;
            boolean judged =
                    reported || !mm.hasTable(Mmu.pageOf(at)); // protecting alone looks at no entry
            if (judged && !matches(categories)) {
                continue;
            }
            if (reported && !report(at, categories & request.returned())) {
                return at;
            }
            if (has(WP_MATCHING)) {
                protect(vma, at, to);
            }
            if (request.pagesMax() > 0 && ++pagesFound == request.pagesMax()) {
                return at + Mmu.PAGE_BYTES;
            }
        }
        return 0;
    }

    private void protect(Vma vma, long at, long to) {
        if (mm.entry(Mmu.pageOf(at)).uffdWp()) {
            return; // nor does a huge page split
        }
        long unit = at & -Mmu.HUGE_BYTES;
        boolean whole =
                unit >= request.start() && unit + Mmu.HUGE_BYTES <= to && request.pagesMax() == 0;
        if (mm.isHuge(Mmu.pageOf(at)) && (whole || vma.isHugetlb())) {
            long page =
                    Mmu.pageOf(
                            at); // the unit stays one: its pages match alike and change one after
            // the other
            mm.set(page, mm.entry(page).withUffdWp(true));
        } else {
            mm.splitHuge(Mmu.pageOf(at));
            mm.mmu.ranges().protect(mm, vma, at, at + Mmu.PAGE_BYTES, true);
        }
    }

    private boolean matches(long categories) {
        long seen = categories ^ request.inverted();
        return (seen & request.mask()) == request.mask()
                && (request.anyOf() == 0 || (seen & request.anyOf()) != 0);
    }

    private boolean report(long at, long categories) {
        Region last = regions.isEmpty() ? null : regions.getLast();
        if (last != null && last.end() == at && last.categories() == categories) {
            regions.set(
                    regions.size() - 1, new Region(last.start(), at + Mmu.PAGE_BYTES, categories));
            return true;
        }
        if (regions.size() == request.regionsMax()) {
            return false;
        }
        regions.add(new Region(at, at + Mmu.PAGE_BYTES, categories));
        return true;
    }

    private long categories(Vma vma, long page) {
        Entry entry = mm.entry(page);
        long written = entry.uffdWp() ? 0 : WRITTEN;
        if (vma.isHugetlb()) {
            return HUGE | inHugetlb(entry, written);
        }
        return switch (entry) {
            case Entry.Empty _ -> mm.hasTable(page) || vma.isWp() ? written : 0;
            case Marker _, Entry.Swapped _ -> SWAPPED | written;
            case Present present ->
                    PRESENT
                            | written
                            | (present.frame().kind == Frame.Kind.CACHE ? FILE : 0)
                            | (present.frame().kind == Frame.Kind.ZERO ? PFNZERO : 0)
                            | (mm.isHuge(page) ? HUGE : 0);
        };
    }

    /** In the huge pool what is not there is not written either: pagemap_hugetlb_category. */
    private static long inHugetlb(Entry entry, long written) {
        return switch (entry) {
            case Entry.Empty _ -> 0;
            case Marker _, Entry.Swapped _ -> SWAPPED | written;
            case Present _ -> PRESENT | written;
        };
    }
}
