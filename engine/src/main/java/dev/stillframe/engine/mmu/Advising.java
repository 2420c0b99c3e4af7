package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import org.jspecify.annotations.Nullable;

/**
 * madvise(2): one mapping after the other, as each is when its turn comes. The first error ends it;
 * a gap is passed over, and answered in the end. A discard waits until its event is read, and from
 * then to its end that context, and no other, answers EAGAIN.
 */
final class Advising implements Operation {
    private final AddressSpace mm;
    private final long end;
    private final Advice advice;
    private long at;
    private boolean gap;
    private @Nullable Context told;
    private long stop;
    private Runnable punch = () -> {};

    Advising(AddressSpace mm, long start, long end, Advice advice) {
        this.mm = mm;
        this.at = start;
        this.end = end;
        this.advice = advice;
    }

    @Override
    public Outcome attempt(Task task) {
        if (told != null) {
            Vma vma = mm.find(at);
            abandon();
            boolean gone =
                    vma == null && advice != Advice.REMOVE; // while nobody had read the event
            Errno refusal = gone ? Errno.ENOMEM : vma == null ? null : refusal(vma);
            if (refusal != null) {
                return Outcome.failed(refusal);
            }
            discard(vma);
        }
        while (at < end) {
            Vma vma = next();
            if (vma == null) {
                return Outcome.failed(Errno.ENOMEM);
            }
            if (at >= end) {
                break;
            }
            Errno refusal = refusal(vma);
            if (refusal != null) {
                return Outcome.failed(refusal);
            }
            if (announce(task, vma)) {
                return new Outcome.Parked(at, false);
            }
            Outcome outcome = apply(vma);
            if (!outcome.equals(Outcome.OK)) {
                return outcome;
            }
        }
        return gap ? Outcome.failed(Errno.ENOMEM) : Outcome.OK;
    }

    @Override
    public void abandon() {
        if (told != null) {
            told.changing--;
            told = null;
        }
    }

    /** The mapping at or behind where it stands, which it moves to. */
    private @Nullable Vma next() {
        Vma vma = mm.findFrom(at);
        if (vma != null && vma.start() > at) {
            gap = true;
            at = vma.start();
        }
        return vma;
    }

    private long endIn(Vma vma) {
        return Math.min(end, vma.end());
    }

    /** Why this advice is not for this mapping. */
    private @Nullable Errno refusal(Vma vma) {
        return switch (advice) {
            case DONTNEED -> vma.marks().locked() || isWithinHugetlb(vma) ? Errno.EINVAL : null;
            case DONTNEED_LOCKED -> isWithinHugetlb(vma) ? Errno.EINVAL : null;
            case FREE ->
                    vma.marks().locked() || !vma.isAnonymous() || vma.isHugetlb()
                            ? Errno.EINVAL
                            : null;
            case REMOVE ->
                    vma.marks().locked() || vma.isAnonymous() && !vma.isHugetlb()
                            ? Errno.EINVAL
                            : vma.shared() && vma.mayWrite() ? null : Errno.EACCES;
            case PAGEOUT, COLD -> vma.marks().locked() || vma.isHugetlb() ? Errno.EINVAL : null;
            case WIPEONFORK -> vma.isAnonymous() && !vma.isHugetlb() ? null : Errno.EINVAL;
            case COLLAPSE, DONTFORK, HUGEPAGE -> null;
        };
    }

    private boolean isWithinHugetlb(Vma vma) {
        return vma.isHugetlb() && at % Mmu.HUGE_BYTES != 0;
    }

    /** What is discarded of the mapping ends here: in the huge pool with the last whole page. */
    private long discardEnd(Vma vma) {
        return vma.isHugetlb() ? endIn(vma) & -Mmu.HUGE_BYTES : endIn(vma);
    }

    /** Whether the context of a discard must hear of it first. */
    private boolean announce(Task task, Vma vma) {
        Context context = vma.context();
        boolean discards =
                switch (advice) {
                    case DONTNEED, DONTNEED_LOCKED, FREE, REMOVE -> discardEnd(vma) > at;
                    default -> false;
                };
        if (!discards || context == null || !context.has(Feature.EVENT_REMOVE)) {
            return false;
        }
        stop = endIn(vma);
        punch = punching(vma); // of the object that is there now, whatever is mapped later
        told = context;
        context.changing++;
        context.announce(task, new Message.Remove(at, discardEnd(vma)));
        return true;
    }

    private Outcome apply(Vma vma) {
        stop = endIn(vma);
        Ranges ranges = mm.mmu.ranges();
        switch (advice) {
            case DONTNEED, DONTNEED_LOCKED, FREE, REMOVE -> {
                punch = punching(vma);
                discard(vma);
                return Outcome.OK;
            }
            case PAGEOUT -> ranges.swapOut(mm, vma, at, stop, false);
            case COLD -> ranges.takeApart(mm, at, stop);
            case COLLAPSE -> {
                Outcome collapsed = new Collapse(mm, vma).run(at, stop);
                if (!collapsed.equals(Outcome.OK)) {
                    return collapsed;
                }
            }
            case DONTFORK, WIPEONFORK, HUGEPAGE -> {
                if (!advised(vma).equals(vma)) {
                    if (vma.refuses(at, stop)) {
                        return Outcome.failed(Errno.EINVAL);
                    }
                    mm.change(at, stop, this::advised);
                }
            }
        }
        at = stop;
        return Outcome.OK;
    }

    private Vma advised(Vma vma) {
        return advice == Advice.HUGEPAGE ? vma.asHuge() : vma.with(vma.marks().advised(advice));
    }

    private Runnable punching(Vma vma) {
        SharedObject object = vma.object();
        if (object == null || advice != Advice.REMOVE) {
            return () -> {};
        }
        long offset = vma.objectOffset() + at - vma.start();
        long bytes = endIn(vma) - at;
        return () -> object.punchHole(offset, bytes);
    }

    /** To where it was begun, or where the mapping ends by now. */
    private void discard(@Nullable Vma vma) {
        punch.run();
        if (vma != null && advice != Advice.REMOVE) {
            stop = Math.min(stop, vma.end());
            if (advice == Advice.FREE) {
                mm.mmu.ranges().free(mm, at, stop);
            } else {
                mm.mmu
                        .ranges()
                        .discard(mm, vma, at, vma.isHugetlb() ? stop & -Mmu.HUGE_BYTES : stop);
            }
        }
        at = stop;
    }
}
