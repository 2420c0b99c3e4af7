package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Marker;
import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.Entry.Swapped;

/**
 * What is done to all entries of a range: protect, discard, duplicate, swap out. Stateless; under
 * the model's lock.
 */
final class Ranges {
    private final Mmu mmu;

    Ranges(Mmu mmu) {
        this.mmu = mmu;
    }

    /**
     * Sets or clears the write-protect bit of the part of {@code vma} that is in the range:
     * uffd_wp_range.
     */
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
                case Marker marker
                        when marker
                                .poisoned() -> {} // protection of what cannot be read means nothing
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

    /**
     * Discards a range for madvise(2): tables that it covers and that are empty then go too,
     * try_to_free_pte.
     */
    void discard(AddressSpace mm, Vma vma, long start, long end) {
        zap(mm, vma, start, end);
        long first = start + Mmu.HUGE_BYTES - 1 & -Mmu.HUGE_BYTES;
        for (long unit = first; unit + Mmu.HUGE_BYTES <= end; unit += Mmu.HUGE_BYTES) {
            if (mm.populated(unit, unit + Mmu.HUGE_BYTES).isEmpty()) {
                mm.dropTable(Mmu.pageOf(unit));
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

    /**
     * Swaps out what nobody holds; {@code everywhere}: pages of several processes too, as reclaim
     * does.
     */
    void swapOut(AddressSpace mm, Vma vma, long start, long end, boolean everywhere) {
        takeApart(mm, start, end);
        for (long page : mm.populated(start, end)) {
            if (!(mm.entry(page) instanceof Present(Frame frame, _, _, _))
                    || frame.kind == Frame.Kind.ZERO) {
                continue;
            }
            boolean spared = frame.isHeld() || !everywhere && isOfOthers(frame);
            if (spared || vma.isHugetlb()) {
                continue; // the huge pool has no swap
            }
            SharedObject object = vma.object();
            if (frame.kind == Frame.Kind.CACHE && object != null) {
                object.evict(frame);
            } else {
                frame.parts().forEach(mmu::swapOut);
                frame.parts().forEach(Frame::leaveFolio); // it comes back page by page
            }
        }
    }

    /**
     * Whether it is not this process' alone, or not all of it: then advice leaves it where it is.
     */
    private static boolean isOfOthers(Frame frame) {
        return frame.folio == null
                ? frame.mapCount() != 1
                : frame.folio.mapCount() != Mmu.HUGE_PAGES;
    }

    /** Advice about a part of a huge page makes pages of it, if it is this process' alone. */
    void takeApart(AddressSpace mm, long start, long end) {
        for (long at : new long[] {start, end - Mmu.PAGE_BYTES}) {
            long unit = at & -Mmu.HUGE_BYTES;
            boolean whole = start <= unit && unit + Mmu.HUGE_BYTES <= end;
            Folio folio =
                    mm.entry(Mmu.pageOf(at)) instanceof Present(Frame frame, _, _, _)
                            ? frame.folio
                            : null;
            if (folio != null && !whole && !folio.isMappedByMany()) {
                folio.split();
            }
        }
    }

    /**
     * The program does without a range of private memory until it writes to it:
     * madvise_free_pte_range.
     */
    void free(AddressSpace mm, long start, long end) {
        takeApart(mm, start, end);
        for (long page : mm.populated(start, end)) {
            switch (mm.entry(page)) {
                case Swapped _ -> mm.set(page, Entry.EMPTY);
                case Marker marker when marker.poisoned() -> mm.set(page, Entry.EMPTY);
                case Present(Frame frame, _, _, _)
                        when frame.kind == Frame.Kind.ANON && !isOfOthers(frame) ->
                        frame.lazyFree = true;
                case Entry _ -> {} // what others have too stays as it is
            }
        }
    }

    /**
     * The entries of {@code parent} for a forked child, if a fault could not make them:
     * copy_page_range.
     */
    void duplicate(AddressSpace mm, Vma parent, AddressSpace childMm, Vma child) {
        if (!child.isWp() && parent.family() == null) {
            return;
        }
        for (long unit = parent.start();
                unit < parent.end();
                unit = (unit & -Mmu.HUGE_BYTES) + Mmu.HUGE_BYTES) {
            if (mm.hasTable(Mmu.pageOf(unit))) {
                childMm.needTable(Mmu.pageOf(unit)); // also if all of it is empty
            }
        }
        for (long page : mm.populated(parent.start(), parent.end())) {
            if (mm.isHuge(page)
                    && page % Mmu.HUGE_PAGES == 0
                    && !parent.isHugetlb()
                    && copies(mm.firstOfUnit(page))) {
                mm.splitHuge(page);
            }
            boolean huge = mm.isHuge(page);
            childMm.set(page, duplicated(mm, page, parent, child));
            if (huge && page % Mmu.HUGE_PAGES == Mmu.HUGE_PAGES - 1) {
                childMm.joinHuge(page);
            }
        }
    }

    /** Whether a child gets a page of its own at once, because a device may be at this one. */
    private boolean copies(Frame frame) {
        return frame.kind == Frame.Kind.ANON
                && frame.exclusive
                && frame.isPinned()
                && mmu.policy().copiesPinnedAtFork();
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

    private Entry duplicatedPage(
            AddressSpace mm, long page, Present present, Vma parent, Vma child) {
        Frame frame = present.frame();
        boolean wp = present.uffdWp() && child.isWp();
        if (!parent.isCow()) {
            return new Present(frame, present.writable(), wp, false);
        }
        if (copies(frame)) {
            Frame copy = mmu.newExclusive();
            copy.copyFrom(frame);
            return new Present(copy, child.writable() && !wp, wp, true);
        }
        frame.exclusive = false;
        mm.set(page, present.withWritable(false));
        return new Present(frame, false, wp, present.dirty());
    }
}
