package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Entry.Present;

/** MADV_COLLAPSE: 512 pages become a huge one, unless one of them is protected or shared. */
final class Collapse {
    private final AddressSpace mm;

    Collapse(AddressSpace mm) {
        this.mm = mm;
    }

    Outcome run(long start, long end) {
        long first = (start + Mmu.HUGE_BYTES - 1) & -Mmu.HUGE_BYTES;
        for (long unit = first; unit + Mmu.HUGE_BYTES <= end; unit += Mmu.HUGE_BYTES) {
            Vma vma = mm.find(unit);
            boolean fits = vma != null && vma.isAnonymous() && !vma.isHugetlb() && unit + Mmu.HUGE_BYTES <= vma.end();
            if (!fits || !canCollapse(unit)) {
                return Outcome.failed(Errno.EINVAL);
            }
            collapse(Mmu.pageOf(unit));
        }
        return Outcome.OK;
    }

    private boolean canCollapse(long unit) {
        for (long page = Mmu.pageOf(unit); page < Mmu.pageOf(unit) + Mmu.HUGE_PAGES; page++) {
            boolean good = mm.entry(page) instanceof Present present
                    ? !present.uffdWp() && present.frame().exclusive && present.frame().referenceCount() == 1
                    : mm.entry(page) instanceof Entry.Empty;
            if (!good) {
                return false;
            }
        }
        return true;
    }

    private void collapse(long first) {
        for (long page = first; page < first + Mmu.HUGE_PAGES; page++) {
            Frame frame = mm.mmu.newExclusive();
            if (mm.entry(page) instanceof Present present) {
                frame.copyFrom(present.frame());
            }
            mm.set(page, new Present(frame, true, false, true));
        }
        mm.joinHuge(first);
    }
}
