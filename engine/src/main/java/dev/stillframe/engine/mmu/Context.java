package dev.stillframe.engine.mmu;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * What a userfaultfd stands for: bound to one address space, held by any number of descriptors. The
 * kernel's userfaultfd_ctx. Guarded by the model's lock.
 */
final class Context {
    final AddressSpace mm;
    final boolean userModeOnly;
    final boolean nonBlocking;

    /** Features and whether the handshake is done. */
    long features;

    boolean initialized;

    /** Descriptors and unread messages that refer to it. */
    int holders = 1;

    /**
     * Events that are announced and whose caller has not gone on: ioctls answer EAGAIN. The
     * kernel's mmap_changing.
     */
    int changing;

    boolean released;
    private final List<Waiter> faults = new ArrayList<>();
    private final List<Waiter> events = new ArrayList<>();

    /** A thread that waits, and what its message says. */
    static final class Waiter {
        final Task task;
        final Message message;
        boolean read;

        Waiter(Task task, Message message) {
            this.task = task;
            this.message = message;
        }
    }

    Context(AddressSpace mm, boolean userModeOnly, boolean nonBlocking) {
        this.mm = mm;
        this.userModeOnly = userModeOnly;
        this.nonBlocking = nonBlocking;
    }

    boolean has(Feature feature) {
        return (features & feature.bit()) != 0;
    }

    /** The context of a forked child's memory. */
    Context forChild(AddressSpace child) {
        Context context = new Context(child, userModeOnly, nonBlocking);
        context.features = features;
        context.initialized = true;
        return context;
    }

    /** Lets a thread wait for a fault's resolution. */
    void park(Task task, Message.Fault message) {
        Waiter waiter = new Waiter(task, message);
        faults.add(waiter);
        task.waitFor(this, waiter);
        mm.mmu.changed();
    }

    /** Lets a thread wait until its event is read. */
    Waiter announce(Task task, Message message) {
        Waiter waiter = new Waiter(task, message);
        events.add(waiter);
        task.waitFor(this, waiter);
        mm.mmu.changed();
        return waiter;
    }

    boolean isReadable() {
        return faults.stream().anyMatch(w -> !w.read) || !events.isEmpty();
    }

    /** The next message, faults first; the queue must not be empty. */
    Message read(EmulatedProcess reader) {
        for (Waiter waiter : faults) {
            if (!waiter.read) {
                waiter.read = true;
                return waiter.message;
            }
        }
        Waiter waiter = events.removeFirst();
        waiter.read = true;
        if (waiter.message instanceof Message.Fork(Userfault child)) {
            child.installIn(reader);
        }
        waiter.task.wake();
        return waiter.message;
    }

    /** Wakes the faults in a range, read or not: their messages are over. */
    void wake(long start, long end) {
        for (Iterator<Waiter> each = faults.iterator(); each.hasNext(); ) {
            Waiter waiter = each.next();
            long address = ((Message.Fault) waiter.message).address();
            if (address >= start && address < end) {
                each.remove();
                waiter.task.wake();
            }
        }
    }

    /** The thread waits no more, whatever for. */
    void forget(Waiter waiter) {
        faults.remove(waiter);
        if (events.remove(waiter)) {
            dropUnread(waiter);
        }
    }

    int unreadFaults() {
        return (int) faults.stream().filter(w -> !w.read).count();
    }

    int waitingFaults() {
        return faults.size();
    }

    /**
     * One holder less; the last one lets everybody go: unregisters, clears the protection and
     * wakes.
     */
    void drop() {
        if (--holders > 0) {
            return;
        }
        released = true;
        for (Vma vma : mm.all()) {
            if (vma.context() == this) {
                mm.mmu.ranges().protect(mm, vma, vma.start(), vma.end(), false);
                mm.change(vma.start(), vma.end(), Vma::unregistered);
            }
        }
        wake(0, Long.MAX_VALUE);
        for (Waiter waiter : List.copyOf(events)) {
            events.remove(waiter);
            dropUnread(waiter);
            waiter.task.wake();
        }
        mm.mmu.changed();
    }

    private static void dropUnread(Waiter waiter) {
        if (waiter.message instanceof Message.Fork(Userfault child)) {
            child.close();
        }
    }
}
