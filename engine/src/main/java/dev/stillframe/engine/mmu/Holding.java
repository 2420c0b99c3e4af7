package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.FaultPath.Result;
import dev.stillframe.engine.mmu.UserPages.Found;
import dev.stillframe.engine.mmu.UserPages.Want;

/**
 * Takes references to all pages of a range; those that it has it keeps while it waits for the next.
 */
final class Holding implements Operation {
    private final EmulatedProcess target;
    private final Grab grab;
    private final long address;
    private final int bytes;
    private final boolean write;
    private final PageHold hold;
    private final boolean allOrNothing;

    Holding(
            EmulatedProcess target,
            Grab grab,
            long address,
            int bytes,
            boolean write,
            PageHold hold) {
        this(target, grab, address, bytes, write, hold, false);
    }

    /** {@code allOrNothing}: whether it fails if any page cannot be had. */
    Holding(
            EmulatedProcess target,
            Grab grab,
            long address,
            int bytes,
            boolean write,
            PageHold hold,
            boolean allOrNothing) {
        this.allOrNothing = allOrNothing;
        this.target = target;
        this.grab = grab;
        this.address = address;
        this.bytes = bytes;
        this.write = write;
        this.hold = hold;
    }

    /**
     * Ends with the number of bytes that are held: less than wanted if a page could not be had, an
     * error if none.
     */
    @Override
    public Outcome attempt(Task task) {
        if (!target.mm().isAlive()) {
            return Outcome.failed(Errno.ESRCH);
        }
        while (hold.heldBytes(bytes) < bytes) {
            long at = address + hold.heldBytes(bytes);
            Want want = new Want(grab, write, Origin.GRAB, false);
            Found found = task.mmu().pages().grab(task, target.mm(), at, want);
            if (!found.isFrame()) {
                boolean ends = found.result() != Result.PARKED;
                if (ends && allOrNothing) {
                    hold.release();
                    return Outcome.failed(Errno.EFAULT);
                }
                return ends && hold.pageCount() > 0
                        ? new Outcome.Done(hold.heldBytes(bytes))
                        : task.stopped(found.result(), at, Origin.GRAB);
            }
            hold.add(
                    found.get(),
                    (int) Math.min(Mmu.PAGE_BYTES - at % Mmu.PAGE_BYTES, address + bytes - at));
        }
        return new Outcome.Done(bytes);
    }

    @Override
    public void abandon() {
        hold.release();
    }
}
