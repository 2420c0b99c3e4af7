package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;

/**
 * What /proc/PID/pagemap says about a page ({@code Documentation/admin-guide/mm/pagemap.rst}).
 * Immutable.
 *
 * @param present bit 63
 * @param swapped bit 62; a marker looks swapped too, but not in hugetlbfs
 * @param file bit 61: of a file or of shared memory, and the huge page of zeros
 * @param uffdWp bit 57
 * @param exclusive bit 56: one entry maps the page, or the first part of the huge page; that is not
 *     what decides about copy-on-write
 * @param frame number of the page's frame if it is present, else 0
 */
public record PageBits(
        boolean present,
        boolean swapped,
        boolean file,
        boolean uffdWp,
        boolean exclusive,
        long frame) {
    static PageBits of(AddressSpace mm, long address) {
        return switch (mm.entry(Mmu.pageOf(address))) {
            case Entry.Empty _ -> new PageBits(false, false, false, false, false, 0);
            case Entry.Marker marker -> {
                Vma vma = mm.find(address);
                boolean looksSwapped = vma == null || !vma.isHugetlb();
                yield new PageBits(false, looksSwapped, false, marker.uffdWp(), false, 0);
            }
            case Entry.Swapped swapped ->
                    new PageBits(false, true, false, swapped.uffdWp(), false, 0);
            case Present present -> {
                Frame frame = present.frame();
                boolean huge = mm.isHuge(Mmu.pageOf(address));
                boolean file =
                        frame.kind == Frame.Kind.CACHE || frame.kind == Frame.Kind.ZERO && huge;
                boolean single =
                        (huge ? mm.firstOfUnit(Mmu.pageOf(address)) : frame).mapCount() == 1;
                yield new PageBits(true, false, file, present.uffdWp(), single, frame.number);
            }
        };
    }

    /** Five letters in the order PSFWX, with a dash for what is not set, as {@code P--WX}. */
    @Override
    public String toString() {
        return (present ? "P" : "-")
                + (swapped ? "S" : "-")
                + (file ? "F" : "-")
                + (uffdWp ? "W" : "-")
                + (exclusive ? "X" : "-");
    }
}
