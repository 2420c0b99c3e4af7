package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Entry.Marker;
import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.Entry.Swapped;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MADV_COLLAPSE of a mapping: the content of 512 pages moves to a huge one of its own, whoever else
 * has them.
 */
final class Collapse {
    private final AddressSpace mm;
    private final Vma vma;

    Collapse(AddressSpace mm, Vma vma) {
        this.mm = mm;
        this.vma = vma;
    }

    /**
     * Goes on after a unit that cannot be collapsed, and answers why the last one could not:
     * madvise_collapse.
     */
    Outcome run(long start, long end) {
        long first = start + Mmu.HUGE_BYTES - 1 & -Mmu.HUGE_BYTES;
        boolean within =
                (end & -Mmu.HUGE_BYTES)
                        < first; // the kernel counts the units of such a range as less than none
        if (vma.units() != Vma.Units.HUGE_WHERE_POSSIBLE
                || !fits()
                || within
                || vma.family() == null) {
            return Outcome.failed(Errno.EINVAL);
        }
        Errno last = null;
        for (long unit = first; unit + Mmu.HUGE_BYTES <= end; unit += Mmu.HUGE_BYTES) {
            long page = Mmu.pageOf(unit);
            Errno obstacle = mm.isHuge(page) ? null : obstacle(page);
            if (obstacle == Errno.EBUSY) {
                return Outcome.failed(obstacle);
            }
            if (obstacle != null) {
                last = obstacle;
            } else if (!mm.isHuge(page)) {
                collapse(page);
            }
        }
        return last == null ? Outcome.OK : Outcome.failed(last);
    }

    /** Whether a huge page has room in the mapping. */
    private boolean fits() {
        return (vma.start() + Mmu.HUGE_BYTES - 1 & -Mmu.HUGE_BYTES) + Mmu.HUGE_BYTES <= vma.end();
    }

    private @Nullable Errno obstacle(long first) {
        if (!mm.hasTable(first)) {
            return Errno.EINVAL;
        }
        boolean noHoles = vma.context() != null; // a missing page that appeared would not be told
        for (long page = first; page < first + Mmu.HUGE_PAGES; page++) {
            Errno obstacle =
                    switch (mm.entry(page)) {
                        case Entry.Empty _ -> noHoles ? Errno.EBUSY : null;
                        case Marker _ -> Errno.EINVAL;
                        case Swapped swapped -> swapped.uffdWp() ? Errno.EINVAL : null;
                        case Present(Frame frame, _, _, _) when frame.kind == Frame.Kind.ZERO ->
                                noHoles ? Errno.EBUSY : null;
                        case Present(Frame frame, _, boolean uffdWp, _) ->
                                uffdWp ? Errno.EINVAL : frame.isHeld() ? Errno.EAGAIN : null;
                    };
            if (obstacle != null) {
                return obstacle;
            }
        }
        return null;
    }

    private void collapse(long first) {
        List<Frame> frames = mm.mmu.newFolio();
        for (int i = 0; i < frames.size(); i++) {
            switch (mm.entry(first + i)) {
                case Present present -> frames.get(i).copyFrom(present.frame());
                case Swapped swapped -> frames.get(i).copyFrom(swapped.frame());
                case Entry.Empty _, Marker _ -> {} // zeros
            }
            mm.set(first + i, new Present(frames.get(i), vma.writable(), false, true));
        }
        mm.joinHuge(first);
    }
}
