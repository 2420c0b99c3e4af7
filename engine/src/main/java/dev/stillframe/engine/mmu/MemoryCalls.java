package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Announced.Step;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The system calls of a thread that change its mappings. Each answers as {@link Task} does. */
public final class MemoryCalls {
    /** What madvise(2) is asked for. */
    public enum Advice {
        /** Discard; what comes back is zeros, or the object's content. */
        DONTNEED,
        /** Discard, also what is locked. */
        DONTNEED_LOCKED,
        /** May be discarded until it is written to; the model does so when it swaps out. */
        FREE,
        /** Discard from the object too. */
        REMOVE,
        /** Swap out. */
        PAGEOUT,
        /**
         * Soon to be swapped out: the model does nothing but take huge pages apart that this is a
         * part of.
         */
        COLD,
        /** Use huge pages from now on. */
        HUGEPAGE,
        /** Make one huge page of each aligned 2 MiB. */
        COLLAPSE,
        /** The child of a fork does not get it. */
        DONTFORK,
        /** The child of a fork gets it empty. */
        WIPEONFORK
    }

    /** How mremap(2) may place the result. */
    public enum Move {
        /** Only where it is. */
        IN_PLACE,
        /** At a new address, and the old range is gone. */
        MAYMOVE,
        /**
         * At a new address even if there is room: as with MREMAP_FIXED, to where nothing is mapped.
         */
        ELSEWHERE,
        /** The same, and the old range stays mapped, without its pages. */
        DONTUNMAP
    }

    private final Task task;
    private final AddressSpace mm;

    MemoryCalls(Task task) {
        this.task = task;
        this.mm = task.mm();
    }

    /**
     * fork(2); its value is the child's id. Waits until the contexts that want to know have been
     * told.
     */
    public Outcome fork() {
        return task.start(begin(() -> new Fork(task).begin()));
    }

    /**
     * clone(2) with CLONE_VM, or vfork(2): a process in the same memory, and no event. Its value is
     * the child's id.
     */
    public Outcome cloneInSameMemory() {
        return task.start(_ -> new Outcome.Done(task.process().cloneInSameMemory().id()));
    }

    /** mmap(2) with MAP_FIXED of private anonymous memory: what is mapped there goes. */
    public Outcome mapOver(long start, long length) {
        return task.start(
                begin(
                        () -> {
                            long bytes = Mmu.wholePages(length);
                            if (Userfault.isBadRange(start, bytes)
                                    || mm.refuses(start, start + bytes)) {
                                return Operation.failing(Errno.EINVAL);
                            }
                            List<Step> steps = Unmapping.steps(mm, start, start + bytes);
                            task.process().mapAnonymousAt(start, bytes);
                            mm.join(start, start + bytes);
                            return new Announced(steps, new Outcome.Done(start));
                        }));
    }

    /** munmap(2). */
    public Outcome unmap(long start, long length) {
        return task.start(
                begin(
                        () -> {
                            long bytes = Mmu.wholePages(length);
                            return Userfault.isBadRange(start, bytes)
                                            || mm.refuses(start, start + bytes)
                                    ? Operation.failing(Errno.EINVAL)
                                    : new Announced(
                                            Unmapping.steps(mm, start, start + bytes), Outcome.OK);
                        }));
    }

    /**
     * mprotect(2) to what is given, or to PROT_NONE: one mapping after the other, up to the first
     * gap.
     */
    public Outcome protect(long start, long length, boolean read, boolean write) {
        return task.start(
                _ -> {
                    long end = start + Mmu.wholePages(length);
                    if (Userfault.isBadRange(start, end - start)) {
                        return length == 0 && start % Mmu.PAGE_BYTES == 0
                                ? Outcome.OK
                                : Outcome.failed(Errno.EINVAL);
                    }
                    long at = start;
                    for (Vma vma = mm.find(at); at < end; vma = mm.find(at)) {
                        if (vma == null) {
                            return Outcome.failed(Errno.ENOMEM);
                        }
                        if (write && !vma.mayWrite()) {
                            return Outcome.failed(Errno.EACCES);
                        }
                        long stop = Math.min(end, vma.end());
                        if (vma.readable() != read || vma.writable() != write) {
                            if (vma.refuses(at, stop)) {
                                return Outcome.failed(Errno.EINVAL);
                            }
                            mm.change(at, stop, v -> v.withRights(read, write));
                            mm.overlapping(at, stop)
                                    .forEach(v -> task.mmu().ranges().reprotect(mm, v));
                        }
                        at = stop;
                    }
                    return Outcome.OK;
                });
    }

    /**
     * mlock(2): marks the mappings up to the first gap, then makes all pages present that a program
     * could touch.
     */
    public Outcome lock(long start, long length) {
        return task.start(
                begin(
                        () -> {
                            long first = start & -Mmu.PAGE_BYTES;
                            long end = first + Mmu.wholePages(start + length - first);
                            for (long at = first; at < end; ) {
                                Vma vma = mm.find(at);
                                if (vma == null) {
                                    return Operation.failing(Errno.ENOMEM);
                                }
                                long stop = Math.min(end, vma.end());
                                if (!vma.isHugetlb()
                                        && !vma.marks()
                                                .locked()) { // the huge pool is never swapped out
                                    mm.change(at, stop, v -> v.with(v.marks().withLocked()));
                                }
                                at = stop;
                            }
                            return new Populating(first, end, Populating.Purpose.LOCK);
                        }));
    }

    /** madvise(2) MADV_POPULATE_READ or MADV_POPULATE_WRITE. */
    public Outcome populate(long start, long length, boolean write) {
        return task.start(
                begin(
                        () -> {
                            long bytes = Mmu.wholePages(length);
                            return bytes > 0 && Userfault.isBadRange(start, bytes)
                                    ? Operation.failing(Errno.EINVAL)
                                    : new Populating(
                                            start,
                                            start + bytes,
                                            write
                                                    ? Populating.Purpose.WRITE
                                                    : Populating.Purpose.READ);
                        }));
    }

    /** madvise(2). */
    public Outcome advise(long start, long length, Advice advice) {
        return task.start(
                begin(
                        () -> {
                            long bytes = Mmu.wholePages(length);
                            if (bytes > 0 && Userfault.isBadRange(start, bytes)
                                    || start % Mmu.PAGE_BYTES != 0) {
                                return Operation.failing(Errno.EINVAL);
                            }
                            return new Advising(mm, start, start + bytes, advice);
                        }));
    }

    /** mremap(2); its value is the new address. */
    public Outcome remap(long start, long oldBytes, long newBytes, Move move) {
        return task.start(begin(() -> new Remapping(mm).resize(start, oldBytes, newBytes, move)));
    }

    /** The same to another address alone. */
    public Outcome remapTo(long start, long bytes, long target) {
        return remapTo(start, bytes, bytes, target);
    }

    /**
     * mremap(2) with MREMAP_FIXED, to where it does not overlap itself: what is mapped at {@code
     * target} goes. A length that becomes less is first cut off, then moved.
     */
    public Outcome remapTo(long start, long oldLength, long newLength, long target) {
        return task.start(
                begin(
                        () ->
                                new Remapping(mm)
                                        .moveTo(
                                                start,
                                                Mmu.wholePages(oldLength),
                                                Mmu.wholePages(newLength),
                                                target)));
    }

    /** An operation that is made when it starts, under the lock, and then goes on. */
    private static Operation begin(Supplier<Operation> start) {
        return new Operation() {
            private @Nullable Operation rest;

            @Override
            public Outcome attempt(Task task) {
                if (rest == null) {
                    rest = start.get();
                }
                return rest.attempt(task);
            }

            @Override
            public void abandon() {
                if (rest != null) {
                    rest.abandon();
                }
            }
        };
    }
}
