package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.FaultPath.Access;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.UserPages.Found;
import dev.stillframe.engine.mmu.UserPages.Want;

/** What futex(2) does to a word itself, where waiting is impossible. Owned by one thread. */
final class FutexWord implements Operation {
    private static final int WAITERS = 0x8000_0000;
    private static final int OWNER_DIED = 0x4000_0000;
    private static final int OWNER = ~(WAITERS | OWNER_DIED);

    private final Transfers.FutexCall call;
    private final long address;

    FutexWord(Transfers.FutexCall call, long address) {
        this.call = call;
        this.address = address;
    }

    @Override
    public Outcome attempt(Task task) {
        return switch (call) {
            case WAIT_SHARED -> shared(task);
            case LOCK_PI -> lock(task);
            case WAKE_OP -> {
                Found found = get(task, Origin.GRAB_AT_ONCE, true);
                if (found.isFrame()) {
                    write(found.get(), read(found.get()) + 1);
                }
                yield found.isFrame() ? Outcome.OK : Outcome.failed(Errno.EFAULT);
            }
            case OWNER_DIES -> mark(task);
            case WAIT_PRIVATE -> throw new IllegalStateException("reads as a program does");
        };
    }

    /** The key of a word that processes share is its page, taken for writing if that is allowed. */
    private Outcome shared(Task task) {
        Found found = get(task, Origin.GRAB, true);
        if (!found.isFrame() && found.result() != FaultPath.Result.PARKED) {
            found = get(task, Origin.GRAB, false);
        }
        return found.isFrame() ? Outcome.OK : task.stopped(found.result(), address, Origin.GRAB);
    }

    /** futex_lock_pi_atomic: whose word it is decides before anything is written. */
    private Outcome lock(Task task) {
        Found found = get(task, Origin.GRAB_AT_ONCE, false);
        if (!found.isFrame()) {
            return Outcome.failed(Errno.EFAULT);
        }
        int word = read(found.get());
        int owner = word & OWNER;
        if (owner == task.id()) {
            return Outcome.failed(Errno.EDEADLK);
        }
        Found own = get(task, Origin.GRAB_AT_ONCE, true);
        if (!own.isFrame()) {
            return Outcome.failed(Errno.EFAULT);
        }
        write(own.get(), owner == 0 ? word & ~OWNER | task.id() : word | WAITERS);
        return owner == 0
                ? Outcome.OK
                : Outcome.failed(Errno.ESRCH); // of a scenario's bytes nobody is the owner
    }

    /** The owner has died; those who wait stay written there. */
    private Outcome mark(Task task) {
        Found found = get(task, Origin.GRAB_AT_ONCE, false);
        if (found.isFrame() && (read(found.get()) & OWNER) == task.id()) {
            int waiters = read(found.get()) & WAITERS;
            Found own = get(task, Origin.GRAB_AT_ONCE, true);
            if (own.isFrame()) {
                write(own.get(), waiters | OWNER_DIED);
            }
        }
        return Outcome.OK;
    }

    private Found get(Task task, Origin origin, boolean write) {
        return origin == Origin.GRAB
                ? task.mmu()
                        .pages()
                        .grab(task, task.mm(), address, new Want(Grab.GET, write, origin, false))
                : task.mmu()
                        .pages()
                        .walk(task, task.mm(), address, write ? Access.WRITE : Access.READ, origin);
    }

    private int offset() {
        return (int) (address % Mmu.PAGE_BYTES);
    }

    private int read(Frame frame) {
        int word = 0;
        for (int i = Integer.BYTES - 1; i >= 0; i--) {
            word = word << Byte.SIZE | frame.get(offset() + i) & 0xff;
        }
        return word;
    }

    private void write(Frame frame, int word) {
        for (int i = 0; i < Integer.BYTES; i++) {
            frame.put(offset() + i, (byte) (word >>> i * Byte.SIZE));
        }
    }
}
