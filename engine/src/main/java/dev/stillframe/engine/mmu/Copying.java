package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.FaultPath.Access;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.FaultPath.Result;
import dev.stillframe.engine.mmu.UserPages.Found;

/** copy_from_user and copy_to_user: page after page; what was copied stays copied. */
final class Copying implements Operation {
    private final long address;
    private final byte[] bytes;
    private final boolean toMemory;
    private int done;

    Copying(long address, byte[] bytes, boolean toMemory) {
        this.address = address;
        this.bytes = bytes;
        this.toMemory = toMemory;
    }

    @Override
    public Outcome attempt(Task task) {
        while (done < bytes.length) {
            long at = address + done;
            Access access = toMemory ? Access.WRITE : Access.READ;
            Found found = task.mmu().pages().walk(task, task.mm(), at, access, Origin.COPY);
            if (!found.isFrame()) {
                boolean cutShort = found.result() != Result.PARKED && done > 0;
                return cutShort
                        ? new Outcome.Done(done)
                        : task.stopped(found.result(), at, Origin.COPY);
            }
            int offset = (int) (at % Mmu.PAGE_BYTES);
            int length = Math.min(bytes.length - done, Mmu.PAGE_BYTES - offset);
            found.get().move(offset, bytes, done, length, toMemory);
            done += length;
        }
        return new Outcome.Done(done);
    }
}
