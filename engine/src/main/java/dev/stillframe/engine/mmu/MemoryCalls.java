package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.Announced.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The system calls of a thread that change its mappings. Each answers as {@link Task} does. */
public final class MemoryCalls {
    /** What madvise(2) is asked for. */
    public enum Advice {
        /** Discard; what comes back is zeros, or the object's content. */
        DONTNEED,
        /** May be discarded. The model keeps it. */
        FREE,
        /** Discard from the object too. */
        REMOVE,
        /** Swap out. */
        PAGEOUT,
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
        /** At a new address even if there is room: as with MREMAP_FIXED, to where nothing is mapped. */
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

    /** fork(2); its value is the child's id. Waits until the contexts that want to know have been told. */
    public Outcome fork() {
        return task.start(begin(() -> new Fork(task).begin()));
    }

    /** clone(2) with CLONE_VM, or vfork(2): a process in the same memory, and no event. Its value is the child's id. */
    public Outcome cloneInSameMemory() {
        return task.start(_ -> new Outcome.Done(task.process().cloneInSameMemory().id()));
    }

    /** munmap(2). */
    public Outcome unmap(long start, long bytes) {
        return task.start(begin(() -> Userfault.isBadRange(start, bytes) || refuses(start, start + bytes)
                ? fails(Errno.EINVAL)
                : new Announced(unmapSteps(start, start + bytes), Outcome.OK)));
    }

    /** mprotect(2) to what is given, or to PROT_NONE. */
    public Outcome protect(long start, long bytes, boolean read, boolean write) {
        return task.start(_ -> {
            if (Userfault.isBadRange(start, bytes) || refuses(start, start + bytes)) {
                return Outcome.failed(Errno.EINVAL);
            }
            List<Vma> vmas = mm.isolate(start, start + bytes);
            if (vmas.stream().mapToLong(v -> v.end() - v.start()).sum() != bytes) {
                return Outcome.failed(Errno.ENOMEM);
            }
            if (write && vmas.stream().anyMatch(v -> !v.mayWrite())) {
                return Outcome.failed(Errno.EACCES);
            }
            mm.change(start, start + bytes, v -> v.withProtection(read, write));
            mm.overlapping(start, start + bytes).forEach(v -> task.mmu().ranges().reprotect(mm, v));
            return Outcome.OK;
        });
    }

    /** madvise(2). */
    public Outcome advise(long start, long bytes, Advice advice) {
        return task.start(begin(() -> {
            if (Userfault.isBadRange(start, bytes) || refuses(start, start + bytes)) {
                return fails(Errno.EINVAL);
            }
            return switch (advice) {
                case DONTNEED, FREE, REMOVE -> discard(start, start + bytes, advice);
                case PAGEOUT -> _ -> {
                    mm.overlapping(start, start + bytes).forEach(v -> task.mmu()
                            .ranges()
                            .swapOut(mm, v, Math.max(start, v.start()), Math.min(start + bytes, v.end()), false));
                    return Outcome.OK;
                };
                case COLLAPSE -> _ -> new Collapse(mm).run(start, start + bytes);
                case DONTFORK, WIPEONFORK -> _ -> {
                    mm.isolate(start, start + bytes);
                    mm.change(start, start + bytes, v -> v.withForkAdvice(
                            advice == Advice.DONTFORK || v.dontFork(),
                            advice == Advice.WIPEONFORK || v.wipeOnFork()));
                    return Outcome.OK;
                };
            };
        }));
    }

    /** mremap(2); its value is the new address. */
    public Outcome remap(long start, long oldBytes, long newBytes, Move move) {
        return task.start(begin(() -> remapping(start, oldBytes, newBytes, move)));
    }

    /** mremap(2) with MREMAP_FIXED, to where it does not overlap itself: what is mapped at {@code target} goes. */
    public Outcome remapTo(long start, long bytes, long target) {
        return task.start(begin(() -> {
            boolean bad = Userfault.isBadRange(start, bytes) || Userfault.isBadRange(target, bytes);
            boolean overlap = start < target + bytes && target < start + bytes;
            if (bad || overlap || refuses(start, start + bytes) || refuses(target, target + bytes)) {
                return fails(Errno.EINVAL);
            }
            return moving(start, bytes, target);
        }));
    }

    /**
     * As {@code remap_move} in mm/mremap.c does since Linux 6.17: one mapping after the other, with the gaps between them,
     * under which {@code target} stays as it is. A mapping that is watched is moved alone or not at all; what came before it
     * has moved all the same. Told in the kernel's order, {@code notify_uffd}: what goes, the move, the old place.
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
        boolean bad = Userfault.isBadRange(start, oldBytes) || Userfault.isBadRange(start, newBytes);
        if (bad || refuses(start, start + oldBytes) || refuses(start, start + newBytes)) {
            return fails(Errno.EINVAL);
        }
        if (move == Move.ELSEWHERE && oldBytes == newBytes) {
            return moving(start, oldBytes, mm.freeRange(oldBytes, vma == null ? Vma.Units.PAGES : vma.units()));
        }
        if (vma == null || start + oldBytes > vma.end()) {
            return fails(Errno.EFAULT);
        }
        boolean stays = move == Move.IN_PLACE || move == Move.MAYMOVE;
        if (stays && newBytes <= oldBytes) {
            return new Announced(unmapSteps(start + newBytes, start + oldBytes), new Outcome.Done(start));
        }
        boolean room = start + oldBytes == vma.end() && mm.overlapping(vma.end(), start + newBytes).isEmpty();
        if (stays && room) {
            mm.grow(vma, start + newBytes);
            return _ -> new Outcome.Done(start);
        }
        if (move == Move.IN_PLACE) {
            return fails(Errno.ENOMEM);
        }
        long target = mm.freeRange(newBytes, vma.units());
        AddressRange place = new AddressRange(target, target + newBytes);
        return new Announced(relocate(start, oldBytes, place, move == Move.DONTUNMAP), new Outcome.Done(target));
    }

    /** Moves at once, to where nothing is mapped; what is left are the events about it. */
    private List<Step> relocate(long start, long oldBytes, AddressRange place, boolean keepOld) {
        Vma old = mm.isolate(start, start + oldBytes).getFirst();
        long target = place.start();
        Context context = old.context();
        boolean told = old.has(Feature.EVENT_REMAP);
        Vma moved = old.movedTo(target, place.end());
        mm.add(told ? moved : moved.registered(null, 0));
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

    /** Unmaps at once; what is left are the events about it. */
    private List<Step> unmapSteps(long start, long end) {
        List<Step> steps = new ArrayList<>();
        if (start >= end) {
            return steps;
        }
        for (Vma vma : mm.isolate(start, end)) {
            task.mmu().ranges().clear(mm, vma.start(), vma.end());
            mm.remove(vma);
            Context context = vma.context();
            if (context != null && context.has(Feature.EVENT_UNMAP)) {
                steps.add(Step.told(context, new Message.Unmap(vma.start(), vma.end()), vma.start()));
            }
        }
        return steps;
    }

    /** Discards one mapping after the other, each when its event has been read. */
    private Operation discard(long start, long end, Advice advice) {
        List<Step> steps = new ArrayList<>();
        for (Vma vma : mm.overlapping(start, end)) {
            boolean refused = advice == Advice.FREE && !vma.isAnonymous()
                    || advice == Advice.REMOVE && (vma.isAnonymous() || !vma.shared());
            if (refused) {
                return fails(Errno.EINVAL);
            }
            long from = Math.max(start, vma.start());
            long to = Math.min(end, vma.end());
            Runnable action = () -> discardNow(from, to, advice);
            Context context = vma.context();
            steps.add(context != null && context.has(Feature.EVENT_REMOVE)
                    ? new Step(context, new Message.Remove(from, to), from, action)
                    : Step.silent(action));
        }
        return new Announced(steps, Outcome.OK);
    }

    private void discardNow(long start, long end, Advice advice) {
        for (Vma vma : mm.overlapping(start, end)) { // it may have changed while nobody had read the event
            long from = Math.max(start, vma.start());
            long to = Math.min(end, vma.end());
            SharedObject object = vma.object();
            if (advice == Advice.DONTNEED) {
                task.mmu().ranges().zap(mm, vma, from, to);
            } else if (advice == Advice.REMOVE && object != null) {
                object.punchHole(vma.objectOffset() + from - vma.start(), to - from);
            }
        }
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
