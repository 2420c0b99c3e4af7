package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What happens when the page tables do not give what was asked: the kernel's handle_mm_fault and
 * what it calls. Each call resolves one obstacle; the caller looks again, as the hardware does,
 * until nothing is in the way. Stateless; under the model's lock.
 */
final class FaultPath {
    /** What is wanted of a page. */
    enum Access {
        READ,
        WRITE,
        /** A page of one's own, without the right to write. */
        UNSHARE
    }

    /** Who wants it, which decides how it may wait. */
    enum Origin {
        /** An instruction of a program. */
        USER(true, true, true),
        /** A system call that copies from or to the program's memory. */
        COPY(false, true, true),
        /** A system call that takes references to pages, and can drop the lock to wait. */
        GRAB(false, true, false),
        /** The same, where waiting is impossible. */
        GRAB_AT_ONCE(false, false, false);

        final boolean user;
        final boolean mayWait;
        final boolean interruptible;

        Origin(boolean user, boolean mayWait, boolean interruptible) {
            this.user = user;
            this.mayWait = mayWait;
            this.interruptible = interruptible;
        }
    }

    /** How a fault ended. */
    enum Result {
        /** Something changed: look again. */
        RESOLVED,
        /** The thread waits for the reader of a context. */
        PARKED,
        /** Nothing is mapped there, or not for this. */
        SIGSEGV,
        /** It cannot be given. */
        SIGBUS
    }

    private enum Reason {
        MISSING,
        WP,
        MINOR
    }

    /** A fault on its way: who, where, what for. */
    record Fault(Task task, AddressSpace mm, Vma vma, long address, Access access, Origin origin) {
        long page() {
            return Mmu.pageOf(address);
        }

        boolean isWrite() {
            return access == Access.WRITE;
        }
    }

    /** Pages that a read maps with the one it is about, if they are there: fault_around_bytes. */
    static final int AROUND_PAGES = 16;

    private final Mmu mmu;

    FaultPath(Mmu mmu) {
        this.mmu = mmu;
    }

    /**
     * Resolves what is in the way at {@code address}.
     *
     * @param forced whether the mapping's protection is overridden, as debuggers may
     */
    Result fault(
            Task task,
            AddressSpace mm,
            long address,
            Access access,
            Origin origin,
            boolean forced) {
        Vma vma = mm.find(address);
        if (vma == null || !forced && !allows(vma, access)) {
            return Result.SIGSEGV;
        }
        Fault fault = new Fault(task, mm, vma, address, access, origin);
        return switch (mm.entry(fault.page())) {
            case Entry.Empty _ -> missing(fault, false);
            case Entry.Marker marker -> marker(fault, marker);
            case Entry.Swapped swapped -> swapIn(fault, swapped);
            case Present present
                    when access == Access.READ || access == Access.WRITE && present.writable() ->
                    Result.RESOLVED;
            case Present present when mm.isHuge(fault.page()) -> protectedUnit(fault, present);
            case Present present -> protectedPage(fault, present);
        };
    }

    static boolean allows(Vma vma, Access access) {
        return access == Access.WRITE ? vma.writable() : vma.readable();
    }

    private Result marker(Fault fault, Entry.Marker marker) {
        if (marker.poisoned()) {
            return Result.SIGBUS;
        }
        if (!fault.vma.isWp()) {
            fault.mm.set(fault.page(), Entry.EMPTY); // the registration that it was for has gone
            return Result.RESOLVED;
        }
        return missing(fault, marker.uffdWp());
    }

    /** Nothing is mapped; {@code wp}: what will be is to be protected. */
    private Result missing(Fault fault, boolean wp) {
        SharedObject object = fault.vma.object();
        return object == null ? missingAnonymous(fault, wp) : missingOf(object, fault, wp);
    }

    private Result missingAnonymous(Fault fault, boolean wp) {
        Vma vma = fault.vma;
        boolean huge = vma.isHugetlb() || mayBecomeHuge(fault);
        if (!huge) {
            fault.mm.needTable(
                    fault.page()); // from now on no huge page fits here, even if nothing comes
            // of this
        }
        if (vma.isMissing()) {
            return handOver(fault, Reason.MISSING);
        }
        if (huge && !vma.isHugetlb() && !fault.isWrite()) {
            mapZeros(fault);
        } else if (huge) {
            mapUnit(fault, wp);
        } else if (!fault.isWrite()) {
            map(fault, new Present(mmu.zero(), false, wp, false));
        } else {
            fault.mm.expectPrivatePage(fault.address);
            map(fault, new Present(mmu.newExclusive(), vma.writable() && !wp, wp, true));
        }
        return Result.RESOLVED;
    }

    /** Whether a huge page fits, and no table of entries has ever been needed there. */
    private static boolean mayBecomeHuge(Fault fault) {
        long start = fault.address & -Mmu.HUGE_BYTES;
        return fault.vma.units() == Vma.Units.HUGE_WHERE_POSSIBLE
                && start >= fault.vma.start()
                && start + Mmu.HUGE_BYTES <= fault.vma.end()
                && !fault.mm.hasTable(fault.page());
    }

    private void mapUnit(Fault fault, boolean wp) {
        fault.mm.expectPrivatePage(fault.address);
        long first = fault.page() & -Mmu.HUGE_PAGES;
        boolean writable = fault.isWrite() && fault.vma.writable() && !wp;
        List<Frame> frames = mmu.newFolio();
        for (int i = 0; i < frames.size(); i++) {
            fault.mm.set(first + i, new Present(frames.get(i), writable, wp, true));
        }
        fault.mm.joinHuge(first);
    }

    /** The huge page of zeros, which everybody shares. */
    private void mapZeros(Fault fault) {
        fault.mm.expectPrivatePage(fault.address);
        long first = fault.page() & -Mmu.HUGE_PAGES;
        for (long page = first; page < first + Mmu.HUGE_PAGES; page++) {
            fault.mm.set(page, new Present(mmu.zero(), false, false, false));
        }
        fault.mm.joinHuge(first);
    }

    private Result missingOf(SharedObject object, Fault fault, boolean wp) {
        Vma vma = fault.vma;
        long index = vma.objectPage(fault.page());
        fault.mm.needTable(fault.page());
        if (index >= object.pageCount()) {
            return Result.SIGBUS;
        }
        if (fault.access == Access.READ && !vma.isWp() && !vma.isMinor()) {
            mapAround(object, fault);
            if (fault.mm.entry(fault.page()) instanceof Present) {
                return Result.RESOLVED;
            }
        }
        Frame cached = object.cached(index);
        if (cached == null && vma.isMissing()) {
            return handOver(fault, Reason.MISSING);
        }
        if (cached != null && vma.isMinor()) {
            return handOver(fault, Reason.MINOR);
        }
        Frame frame = object.page(index);
        if (vma.shared()) {
            boolean tracked =
                    vma.isWp(); // then each first write must be seen, so reads map without the
            // right to
            boolean writable = vma.writable() && !wp && (fault.isWrite() || !tracked);
            map(fault, new Present(frame, writable, wp, fault.isWrite()));
        } else if (fault.isWrite()) {
            fault.mm.expectPrivatePage(fault.address);
            map(fault, new Present(copyOf(frame), vma.writable() && !wp, wp, true));
        } else {
            map(fault, new Present(frame, false, wp, false));
        }
        return Result.RESOLVED;
    }

    /**
     * What of an aligned window of the mapping is in memory and not mapped, is mapped:
     * do_fault_around.
     */
    private static void mapAround(SharedObject object, Fault fault) {
        Vma vma = fault.vma;
        long window = fault.page() & -AROUND_PAGES;
        long end = Math.min(window + AROUND_PAGES, Mmu.pageOf(vma.end()));
        for (long page = Math.max(window, Mmu.pageOf(vma.start())); page < end; page++) {
            Frame frame = object.resident(vma.objectPage(page));
            if (frame != null && fault.mm.entry(page) instanceof Entry.Empty) {
                fault.mm.set(
                        page, new Present(frame, vma.shared() && vma.writable(), false, false));
            }
        }
    }

    private Result swapIn(Fault fault, Entry.Swapped swapped) {
        Frame frame = swapped.frame();
        boolean wp = swapped.uffdWp();
        Present present = new Present(frame, false, wp, false);
        fault.mm.set(fault.page(), present);
        frame.exclusive = swapped.exclusive() || frame.referenceCount() == 1;
        boolean isProtected = wp && fault.vma.isWp();
        boolean writable =
                fault.vma.writable() && !isProtected && mmu.policy().isSurelyOwned(frame);
        fault.mm.set(fault.page(), present.withWritable(writable));
        return Result.RESOLVED;
    }

    /** A page is mapped, but not for writing: do_wp_page. */
    private Result protectedPage(Fault fault, Present found) {
        Vma vma = fault.vma;
        Present present = found;
        if (fault.isWrite() && present.uffdWp() && vma.isWp()) {
            if (!vma.isWpAsync()) {
                return handOver(fault, Reason.WP);
            }
            present = present.withUffdWp(false);
        }
        Frame frame = present.frame();
        if (vma.shared()) {
            map(fault, present.withWritable(vma.writable()).withDirty());
            return Result.RESOLVED;
        }
        boolean reused = frame.kind == Frame.Kind.ANON && mmu.policy().reuses(frame);
        if (reused) {
            frame.exclusive = true;
        } else {
            fault.mm.expectPrivatePage(fault.address);
            frame = copyOf(frame);
        }
        if (fault.isWrite()) {
            boolean wp =
                    reused
                            && present
                                    .uffdWp(); // a stale bit of an old registration stays on a page
            // that stays
            map(fault, new Present(frame, vma.writable(), wp, true));
        } else {
            map(fault, mmu.policy().broken(present, frame, vma.writable()));
        }
        return Result.RESOLVED;
    }

    /**
     * The same for 512 pages that one entry maps; what cannot be done with the whole is done after
     * splitting it.
     */
    private Result protectedUnit(Fault fault, Present present) {
        long first = fault.page() & -Mmu.HUGE_PAGES;
        boolean told = fault.isWrite() && present.uffdWp() && fault.vma.isWp();
        if (told && !fault.vma.isWpAsync()) {
            return handOver(fault, Reason.WP);
        }
        if (fault.vma.isHugetlb()) {
            ownHugetlb(fault, first, told);
            return Result.RESOLVED;
        }
        Frame firstFrame = fault.mm.firstOfUnit(first);
        if (firstFrame.kind == Frame.Kind.ZERO && !told) {
            mapUnit(fault, false);
        } else if (!told && mmu.policy().reusesWhole(firstFrame)) {
            own(fault, first, false);
        } else {
            fault.mm.splitHuge(first);
        }
        return Result.RESOLVED;
    }

    /** All of a unit is this process' own. */
    private void own(Fault fault, long first, boolean told) {
        for (long page = first; page < first + Mmu.HUGE_PAGES; page++) {
            Present each = (Present) fault.mm.entry(page);
            each.frame().exclusive = true;
            boolean writable = fault.vma.writable();
            fault.mm.set(
                    page,
                    fault.isWrite()
                            ? new Present(each.frame(), writable, each.uffdWp() && !told, true)
                            : mmu.policy().broken(each, each.frame(), writable));
        }
    }

    /**
     * A page of the huge pool cannot be split: it is kept if only one entry maps it, or copied
     * whole.
     */
    private void ownHugetlb(Fault fault, long first, boolean told) {
        if (fault.mm.firstOfUnit(first).mapCount() == 1) {
            own(fault, first, told);
            return;
        }
        fault.mm.expectPrivatePage(fault.address);
        List<Frame> copies = mmu.newFolio();
        for (int i = 0; i < copies.size(); i++) {
            Present each = (Present) fault.mm.entry(first + i);
            Frame copy = copies.get(i);
            copy.copyFrom(each.frame());
            boolean writable = fault.vma.writable();
            fault.mm.set(
                    first + i,
                    fault.isWrite()
                            ? new Present(copy, writable, false, true)
                            : mmu.policy().broken(each, copy, writable));
        }
        fault.mm.joinHuge(first);
    }

    /** Tells the context and lets the thread wait, if both are possible: handle_userfault. */
    private static Result handOver(Fault fault, Reason reason) {
        @Nullable Context context = fault.vma.context();
        if (context == null
                || fault.task.isExiting()
                || context.has(Feature.SIGBUS)
                || context.userModeOnly && !fault.origin.user
                || !fault.origin.mayWait) {
            return Result.SIGBUS;
        }
        boolean exact = context.has(Feature.EXACT_ADDRESS);
        context.park(
                fault.task,
                new Message.Fault(
                        exact
                                ? fault.address
                                : fault.address
                                        & -(fault.vma.isHugetlb()
                                                ? Mmu.HUGE_BYTES
                                                : Mmu.PAGE_BYTES),
                        fault.isWrite(),
                        reason == Reason.WP,
                        reason == Reason.MINOR,
                        context.has(Feature.THREAD_ID) ? fault.task.id() : 0));
        return Result.PARKED;
    }

    private Frame copyOf(Frame source) {
        Frame copy = mmu.newExclusive();
        copy.copyFrom(source);
        return copy;
    }

    private static void map(Fault fault, Present entry) {
        fault.mm.set(fault.page(), entry);
    }
}
