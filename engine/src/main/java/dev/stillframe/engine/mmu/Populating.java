package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.FaultPath.Result;
import dev.stillframe.engine.mmu.UserPages.Found;
import dev.stillframe.engine.mmu.UserPages.Want;
import org.jspecify.annotations.Nullable;

/**
 * Makes pages of a range present, one after the other, and keeps nothing: mlock(2), and advice to
 * populate.
 */
final class Populating implements Operation {
    /** What for. */
    enum Purpose {
        /** To be read. */
        READ,
        /**
         * To be written: where that breaks copy-on-write, or a page is protected, it does what a
         * store does.
         */
        WRITE,
        /**
         * To stay in memory: for writing where memory is private and may be written, else for
         * reading.
         */
        LOCK
    }

    private final long end;
    private final Purpose purpose;
    private long at;

    Populating(long start, long end, Purpose purpose) {
        this.at = start;
        this.end = end;
        this.purpose = purpose;
    }

    @Override
    public Outcome attempt(Task task) {
        for (; at < end; at += Mmu.PAGE_BYTES) {
            Vma vma = task.mm().find(at);
            Errno refusal = refusal(vma);
            if (vma == null || refusal != null) {
                return Outcome.failed(refusal == null ? Errno.ENOMEM : refusal);
            }
            boolean write =
                    purpose == Purpose.WRITE
                            || purpose == Purpose.LOCK && vma.isCow() && vma.writable();
            Want want =
                    new Want(
                            Grab.TOUCH,
                            write,
                            Origin.GRAB,
                            purpose == Purpose.LOCK && isAccessible(vma));
            Found found = task.mmu().pages().grab(task, task.mm(), at, want);
            if (!found.isFrame()) {
                return found.result() == Result.PARKED
                        ? task.stopped(Result.PARKED, at, Origin.GRAB)
                        : Outcome.failed(failure(task.mm().entry(Mmu.pageOf(at))));
            }
        }
        return Outcome.OK;
    }

    private @Nullable Errno refusal(@Nullable Vma vma) {
        if (vma == null) {
            return Errno.ENOMEM;
        }
        return switch (purpose) {
            case READ -> vma.readable() ? null : Errno.EINVAL;
            case WRITE -> vma.writable() ? null : Errno.EINVAL;
            case LOCK -> isAccessible(vma) ? null : Errno.ENOMEM;
        };
    }

    /** Who asks for memory hears of poison; who locks hears that there was not enough. */
    private Errno failure(Entry entry) {
        if (purpose == Purpose.LOCK) {
            return Errno.ENOMEM;
        }
        return entry instanceof Entry.Marker(_, boolean poisoned) && poisoned
                ? Errno.EHWPOISON
                : Errno.EFAULT;
    }

    private static boolean isAccessible(Vma vma) {
        return vma.readable() || vma.writable();
    }
}
