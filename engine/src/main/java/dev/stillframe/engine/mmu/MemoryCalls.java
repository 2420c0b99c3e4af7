package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.Announced.Step;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
                            long bytes = wholePages(length);
                            if (Userfault.isBadRange(start, bytes)
                                    || refuses(start, start + bytes)) {
                                return fails(Errno.EINVAL);
                            }
                            List<Step> steps = unmapSteps(start, start + bytes);
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
                            long bytes = wholePages(length);
                            return Userfault.isBadRange(start, bytes)
                                            || refuses(start, start + bytes)
                                    ? fails(Errno.EINVAL)
                                    : new Announced(unmapSteps(start, start + bytes), Outcome.OK);
                        }));
    }

    /**
     * mprotect(2) to what is given, or to PROT_NONE: one mapping after the other, up to the first
     * gap.
     */
    public Outcome protect(long start, long length, boolean read, boolean write) {
        return task.start(
                _ -> {
                    long end = start + wholePages(length);
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
                            long end = first + wholePages(start + length - first);
                            for (long at = first; at < end; ) {
                                Vma vma = mm.find(at);
                                if (vma == null) {
                                    return fails(Errno.ENOMEM);
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
                            long bytes = wholePages(length);
                            return bytes > 0 && Userfault.isBadRange(start, bytes)
                                    ? fails(Errno.EINVAL)
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
                            long bytes = wholePages(length);
                            if (bytes > 0 && Userfault.isBadRange(start, bytes)
                                    || start % Mmu.PAGE_BYTES != 0) {
                                return fails(Errno.EINVAL);
                            }
                            return new Advising(mm, start, start + bytes, advice);
                        }));
    }

    private static long wholePages(long bytes) {
        return bytes + Mmu.PAGE_BYTES - 1 & -Mmu.PAGE_BYTES;
    }

    /** mremap(2); its value is the new address. */
    public Outcome remap(long start, long oldBytes, long newBytes, Move move) {
        return task.start(begin(() -> remapping(start, oldBytes, newBytes, move)));
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
                        () -> {
                            long oldBytes = wholePages(oldLength);
                            long newBytes = wholePages(newLength);
                            boolean bad =
                                    Userfault.isBadRange(start, oldBytes)
                                            || Userfault.isBadRange(target, newBytes);
                            boolean overlap =
                                    start < target + newBytes && target < start + oldBytes;
                            if (bad
                                    || overlap
                                    || refuses(start, start + oldBytes)
                                    || refuses(target, target + newBytes)) {
                                return fails(Errno.EINVAL);
                            }
                            if (oldBytes == newBytes) {
                                return moving(start, oldBytes, target);
                            }
                            Vma vma = mm.find(start);
                            if (vma == null) {
                                return fails(Errno.EFAULT);
                            }
                            if (vma.isHugetlb() && newBytes > oldBytes) {
                                return fails(
                                        Errno.EINVAL); // its pages are reserved when it is mapped
                            }
                            List<Step> steps = unmapSteps(target, target + newBytes);
                            List<Step> cut =
                                    oldBytes > newBytes
                                            ? unmapSteps(start + newBytes, start + oldBytes)
                                            : List.of();
                            long moved = Math.min(oldBytes, newBytes);
                            Vma rest = mm.find(start);
                            if (rest == null || start + moved > rest.end()) {
                                steps.addAll(cut);
                                return new Announced(steps, Outcome.failed(Errno.EFAULT));
                            }
                            List<Step> move =
                                    relocate(
                                            start,
                                            moved,
                                            new AddressRange(target, target + newBytes),
                                            false);
                            int told = beginsWithMove(move) ? 1 : 0;
                            steps.addAll(
                                    move.subList(
                                            0,
                                            told)); // the kernel tells of the move before it tells
                            // of what went
                            steps.addAll(cut);
                            steps.addAll(move.subList(told, move.size()));
                            return new Announced(steps, new Outcome.Done(target));
                        }));
    }

    private static boolean beginsWithMove(List<Step> move) {
        return !move.isEmpty() && move.getFirst().message() instanceof Message.Remap;
    }

    /**
     * As {@code remap_move} in mm/mremap.c does since Linux 6.17: one mapping after the other, with
     * the gaps between them, under which {@code target} stays as it is. A mapping that is watched
     * is moved alone or not at all; what came before it has moved all the same. Told in the
     * kernel's order, {@code notify_uffd}: what goes, the move, the old place.
     */
    private Operation moving(long start, long bytes, long target) {
        long end = start + bytes;
        List<Vma> vmas = mm.overlapping(start, end);
        boolean unmapped = vmas.isEmpty() || vmas.getFirst().start() > start;
        if (unmapped || vmas.getFirst().context() != null && vmas.getFirst().end() < end) {
            return fails(Errno.EFAULT);
        }
        List<Step> steps = new ArrayList<>();
        for (Vma vma : vmas) {
            if (vma.context() != null && vma.start() > start) {
                return new Announced(steps, Outcome.failed(Errno.EFAULT));
            }
            long from = Math.max(start, vma.start());
            long to = Math.min(end, vma.end());
            AddressRange place = new AddressRange(target + from - start, target + to - start);
            steps.addAll(unmapSteps(place.start(), place.end()));
            steps.addAll(relocate(from, to - from, place, false));
        }
        return new Announced(steps, new Outcome.Done(target));
    }

    /** Whether the range covers a unit in part that cannot be split. */
    private boolean refuses(long start, long end) {
        return mm.overlapping(start, end).stream()
                .anyMatch(v -> v.refuses(Math.max(start, v.start()), Math.min(end, v.end())));
    }

    private Operation remapping(long start, long oldBytes, long newBytes, Move move) {
        Vma vma = mm.find(start);
        boolean bad =
                Userfault.isBadRange(start, oldBytes) || Userfault.isBadRange(start, newBytes);
        if (bad || refuses(start, start + oldBytes) || refuses(start, start + newBytes)) {
            return fails(Errno.EINVAL);
        }
        if (move == Move.ELSEWHERE && oldBytes == newBytes) {
            return moving(
                    start,
                    oldBytes,
                    mm.freeRange(oldBytes, vma == null ? Vma.Units.PAGES : vma.units()));
        }
        if (vma == null || start + oldBytes > vma.end()) {
            return fails(Errno.EFAULT);
        }
        boolean stays = move == Move.IN_PLACE || move == Move.MAYMOVE;
        if (stays && newBytes <= oldBytes) {
            return new Announced(
                    unmapSteps(start + newBytes, start + oldBytes), new Outcome.Done(start));
        }
        boolean room =
                start + oldBytes == vma.end()
                        && mm.overlapping(vma.end(), start + newBytes).isEmpty();
        if (stays && room) {
            mm.grow(vma, start + newBytes);
            return _ -> new Outcome.Done(start);
        }
        if (move == Move.IN_PLACE) {
            return fails(Errno.ENOMEM);
        }
        long target = mm.freeRange(newBytes, vma.units());
        AddressRange place = new AddressRange(target, target + newBytes);
        return new Announced(
                relocate(start, oldBytes, place, move == Move.DONTUNMAP), new Outcome.Done(target));
    }

    /** Moves at once, to where nothing is mapped; what is left are the events about it. */
    private List<Step> relocate(long start, long oldBytes, AddressRange place, boolean keepOld) {
        Vma old = mm.isolate(start, start + oldBytes).getFirst();
        long target = place.start();
        Context context = old.context();
        boolean told = old.has(Feature.EVENT_REMAP);
        Vma moved = old.movedTo(target, place.end());
        mm.add(told ? moved : moved.unregistered());
        mm.join(target, place.end());
        moveEntries(old, target, Math.min(oldBytes, place.sizeBytes()), context != null && !told);
        List<Step> steps = new ArrayList<>();
        if (told && context != null) {
            steps.add(Step.told(context, new Message.Remap(start, target, oldBytes), start));
        }
        if (!keepOld) {
            steps.addAll(unmapSteps(start, start + oldBytes));
        }
        return steps;
    }

    private void moveEntries(Vma old, long target, long bytes, boolean forget) {
        long shift = Mmu.pageOf(target) - Mmu.pageOf(old.start());
        mm.splitHugeAtEnds(old.start(), old.start() + bytes);
        List<Long> units = new ArrayList<>();
        for (long page : mm.populated(old.start(), old.start() + bytes)) {
            if (mm.isHuge(page) && shift % Mmu.HUGE_PAGES == 0 && page % Mmu.HUGE_PAGES == 0) {
                units.add(page + shift);
            }
            Entry entry = mm.entry(page);
            mm.set(page, Entry.EMPTY);
            mm.set(page + shift, forget ? entry.withUffdWp(false) : entry);
        }
        units.forEach(mm::joinHuge);
    }

    /**
     * Unmaps at once; what is left are the events about it: one for each context, of all that was
     * asked for.
     */
    private List<Step> unmapSteps(long start, long end) {
        Map<Context, Step> steps = new LinkedHashMap<>();
        if (start >= end) {
            return new ArrayList<>();
        }
        for (Vma vma : mm.isolate(start, end)) {
            task.mmu().ranges().clear(mm, vma.start(), vma.end());
            mm.remove(vma);
            Context context = vma.context();
            if (context != null && context.has(Feature.EVENT_UNMAP)) {
                steps.computeIfAbsent(
                        context, c -> Step.told(c, new Message.Unmap(start, end), start));
            }
        }
        return new ArrayList<>(steps.values());
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

    private static Operation fails(Errno errno) {
        return _ -> Outcome.failed(errno);
    }
}
