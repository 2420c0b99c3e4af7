package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.UserPages.Found;
import dev.stillframe.engine.mmu.UserPages.Want;

/** Reads or writes the memory of a process by force, and never waits: access_process_vm. */
final class Debugging implements Operation {
    private final EmulatedProcess target;
    private final long address;
    private final byte[] bytes;
    private final boolean toMemory;

    Debugging(EmulatedProcess target, long address, byte[] bytes, boolean toMemory) {
        this.target = target;
        this.address = address;
        this.bytes = bytes;
        this.toMemory = toMemory;
    }

    @Override
    public Outcome attempt(Task task) {
        int done = 0;
        while (done < bytes.length) {
            long at = address + done;
            Want want = new Want(Grab.GET, toMemory, Origin.GRAB_AT_ONCE, true);
            Found found = task.mmu().pages().grab(task, target.mm(), at, want);
            if (!found.isFrame()) {
                return done > 0 ? new Outcome.Done(done) : Outcome.failed(Errno.EIO);
            }
            int offset = (int) (at % Mmu.PAGE_BYTES);
            int length = Math.min(bytes.length - done, Mmu.PAGE_BYTES - offset);
            found.get().move(offset, bytes, done, length, toMemory);
            done += length;
        }
        return new Outcome.Done(done);
    }
}
