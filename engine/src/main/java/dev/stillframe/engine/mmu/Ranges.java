package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Marker;
import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.Entry.Swapped;

/** What is done to all entries of a range: protect, discard, duplicate, swap out. Stateless; under the model's lock. */
final class Ranges {
    private final Mmu mmu;

    Ranges(Mmu mmu) {
        this.mmu = mmu;
    }

    /** Sets or clears the write-protect bit of the part of {@code vma} that is in the range: uffd_wp_range. */
    void protect(AddressSpace mm, Vma vma, long start, long end, boolean on) {
        long from = Math.max(start, vma.start());
        long to = Math.min(end, vma.end());
        mm.splitHugeAtEnds(from, to);
        if (on && vma.usesMarkers()) {
            for (long page = Mmu.pageOf(from); page < Mmu.pageOf(to); page++) {
                if (mm.entry(page) instanceof Entry.Empty) {
                    mm.set(page, new Marker(true, false));
                }
            }
        }
        for (long page : mm.populated(from, to)) {
            switch (mm.entry(page)) {
                case Marker marker when marker.poisoned() -> {} // protection of what cannot be read means nothing
                case Present present -> mm.set(page, withUpgrade(vma, present.withUffdWp(on)));
                case Entry entry -> mm.set(page, entry.withUffdWp(on));
            }
        }
    }

    /** What a page may get back without waiting for the write fault: can_change_pte_writable. */
    private Present withUpgrade(Vma vma, Present present) {
        if (!vma.writable() || present.uffdWp() && vma.isWp() || vma.shared()) {
            return vma.writable() ? present : present.withWritable(false);
        }
        Frame frame = present.frame();
        boolean owned = frame.kind == Frame.Kind.ANON && mmu.policy().isSurelyOwned(frame);
        return present.withWritable(present.writable() || owned);
    }

    /** mprotect(2) on whole mappings that were changed already: the entries follow. */
    void reprotect(AddressSpace mm, Vma vma) {
        mm.splitHugeAtEnds(vma.start(), vma.end());
        for (long page : mm.populated(vma.start(), vma.end())) {
            if (mm.entry(page) instanceof Present present) {
                mm.set(page, withUpgrade(vma, present));
            }
        }
    }

    /** Discards a range; memory of an object remembers that it was protected: zap_pte_range. */
    void zap(AddressSpace mm, Vma vma, long start, long end) {
        mm.splitHugeAtEnds(start, end);
        for (long page : mm.populated(start, end)) {
            zapPage(mm, vma, page);
        }
    }

    void zapPage(AddressSpace mm, Vma vma, long page) {
        boolean remembered = vma.remembersProtection() && mm.entry(page).uffdWp();
        mm.set(page, remembered ? new Marker(true, false) : Entry.EMPTY);
    }

    /** Forgets a range and all that was remembered about it: munmap(2). */
    void clear(AddressSpace mm, long start, long end) {
        mm.splitHugeAtEnds(start, end);
        for (long page : mm.populated(start, end)) {
            mm.set(page, Entry.EMPTY);
        }
    }

    /** Swaps out what nobody holds; {@code everywhere}: pages of several processes too, as reclaim does. */
    void swapOut(AddressSpace mm, Vma vma, long start, long end, boolean everywhere) {
        mm.splitHugeAtEnds(start, end);
        for (long page : mm.populated(start, end)) {
            if (!(mm.entry(page) instanceof Present present)) {
                continue;
            }
            Frame frame = present.frame();
            if (vma.isHugetlb()) {
                continue; // has no swap
            }
            if (frame.kind == Frame.Kind.CACHE && vma.shared()) {
                zapPage(mm, vma, page); // the object keeps it
            } else if (frame.kind == Frame.Kind.ANON
                    && frame.pins + frame.references == 0
                    && (everywhere || frame.mapCount == 1)) {
                mmu.swapOut(frame);
            }
        }
    }

    /** The entries of {@code parent} for a forked child: copy_page_range. */
    void duplicate(AddressSpace mm, Vma parent, AddressSpace childMm, Vma child) {
        if (parent.shared() && !child.isWp()) {
            return; // the object has the pages; the child finds them there
        }
        for (long page : mm.populated(parent.start(), parent.end())) {
            boolean huge = mm.isHuge(page);
            if (huge && !parent.isHugetlb() && hasPins(mm, page)) {
                mm.splitHuge(page);
                huge = false;
            }
            childMm.set(page, duplicated(mm, page, parent, child));
            if (huge && page % Mmu.HUGE_PAGES == Mmu.HUGE_PAGES - 1) {
                childMm.joinHuge(page);
            }
        }
    }

    private static boolean hasPins(AddressSpace mm, long inUnit) {
        long first = inUnit & -Mmu.HUGE_PAGES;
        for (long page = first; page < first + Mmu.HUGE_PAGES; page++) {
            if (mm.entry(page) instanceof Present present && present.frame().pins > 0) {
                return true;
            }
        }
        return false;
    }

    private Entry duplicated(AddressSpace mm, long page, Vma parent, Vma child) {
        return switch (mm.entry(page)) {
            case Entry.Empty empty -> empty;
            case Marker marker -> marker.withUffdWp(marker.uffdWp() && child.isWp());
            case Swapped swapped -> {
                mm.set(page, new Swapped(swapped.frame(), swapped.uffdWp(), false));
                yield new Swapped(swapped.frame(), swapped.uffdWp() && child.isWp(), false);
            }
            case Present present -> duplicatedPage(mm, page, present, parent, child);
        };
    }

    private Entry duplicatedPage(AddressSpace mm, long page, Present present, Vma parent, Vma child) {
        Frame frame = present.frame();
        boolean wp = present.uffdWp() && child.isWp();
        if (!parent.isCow()) {
            return new Present(frame, present.writable(), wp, false);
        }
        boolean pinned = frame.pins > 0 && mmu.policy().copiesPinnedAtFork();
        if (frame.kind == Frame.Kind.ANON && pinned && frame.exclusive) {
            Frame copy = mmu.newExclusive();
            copy.copyFrom(frame);
            return new Present(copy, child.writable() && !wp, wp, true);
        }
        frame.exclusive = false;
        mm.set(page, present.withWritable(false));
        return new Present(frame, false, wp, present.dirty());
    }
}
