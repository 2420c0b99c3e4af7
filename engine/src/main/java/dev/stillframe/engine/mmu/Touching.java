package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.FaultPath.Result;
import dev.stillframe.engine.mmu.UserPages.Found;
import dev.stillframe.engine.mmu.UserPages.Want;

/** Makes pages present, or looks at them, page after page, and keeps nothing. */
final class Touching implements Operation {
    /** With what right a page is wanted. */
    enum Right {
        READ,
        WRITE,
        /** Writing in private memory that may be written, else reading: populate_vma_page_range. */
        AS_MAPPED
    }

    private final long address;
    private final long pages;
    private final Right right;
    private final Grab grab;
    private final Origin origin;
    private long done;

    Touching(long address, long pages, Right right, Grab grab, Origin origin) {
        this.address = address;
        this.pages = pages;
        this.right = right;
        this.grab = grab;
        this.origin = origin;
    }

    @Override
    public Outcome attempt(Task task) {
        for (; done < pages; done++) {
            long at = address + done * Mmu.PAGE_BYTES;
            Vma vma = task.mm().find(at);
            if (vma == null) {
                return Outcome.failed(grab == Grab.TOUCH && origin.mayWait ? Errno.ENOMEM : Errno.EFAULT);
            }
            boolean write = right == Right.WRITE || right == Right.AS_MAPPED && vma.isCow() && vma.writable();
            Want want = new Want(grab, write, origin, false);
            Found found = task.mmu().pages().grab(task, task.mm(), at, want);
            if (!found.isFrame()) {
                return found.result() == Result.PARKED
                        ? task.stopped(Result.PARKED, at, origin)
                        : Outcome.failed(Errno.EFAULT);
            }
        }
        return Outcome.OK;
    }
}
