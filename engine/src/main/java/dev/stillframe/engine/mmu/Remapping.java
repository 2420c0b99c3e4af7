package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.Announced.Step;
import dev.stillframe.engine.mmu.MemoryCalls.Move;
import java.util.ArrayList;
import java.util.List;

/**
 * mremap(2): entries are moved at once, and what is left are the events about it. Under the model's
 * lock.
 */
final class Remapping {
    private final AddressSpace mm;

    Remapping(AddressSpace mm) {
        this.mm = mm;
    }

    /** To another length, in place or where the model chooses; its value is the address. */
    Operation resize(long start, long oldBytes, long newBytes, Move move) {
        Vma vma = mm.find(start);
        boolean bad =
                Userfault.isBadRange(start, oldBytes) || Userfault.isBadRange(start, newBytes);
        if (bad || mm.refuses(start, start + oldBytes) || mm.refuses(start, start + newBytes)) {
            return Operation.failing(Errno.EINVAL);
        }
        if (move == Move.ELSEWHERE && oldBytes == newBytes) {
            return moving(
                    start,
                    oldBytes,
                    mm.freeRange(oldBytes, vma == null ? Vma.Units.PAGES : vma.units()));
        }
        if (vma == null || start + oldBytes > vma.end()) {
            return Operation.failing(Errno.EFAULT);
        }
        boolean stays = move == Move.IN_PLACE || move == Move.MAYMOVE;
        if (stays && newBytes <= oldBytes) {
            return new Announced(
                    Unmapping.steps(mm, start + newBytes, start + oldBytes),
                    new Outcome.Done(start));
        }
        boolean room =
                start + oldBytes == vma.end()
                        && mm.overlapping(vma.end(), start + newBytes).isEmpty();
        if (stays && room) {
            mm.grow(vma, start + newBytes);
            return _ -> new Outcome.Done(start);
        }
        if (move == Move.IN_PLACE) {
            return Operation.failing(Errno.ENOMEM);
        }
        long target = mm.freeRange(newBytes, vma.units());
        AddressRange place = new AddressRange(target, target + newBytes);
        return new Announced(
                relocate(start, oldBytes, place, move == Move.DONTUNMAP), new Outcome.Done(target));
    }

    /** With MREMAP_FIXED, in whole pages: what is mapped at {@code target} goes. */
    Operation moveTo(long start, long oldBytes, long newBytes, long target) {
        boolean bad =
                Userfault.isBadRange(start, oldBytes) || Userfault.isBadRange(target, newBytes);
        boolean overlap = start < target + newBytes && target < start + oldBytes;
        if (bad
                || overlap
                || mm.refuses(start, start + oldBytes)
                || mm.refuses(target, target + newBytes)) {
            return Operation.failing(Errno.EINVAL);
        }
        if (oldBytes == newBytes) {
            return moving(start, oldBytes, target);
        }
        Vma vma = mm.find(start);
        if (vma == null) {
            return Operation.failing(Errno.EFAULT);
        }
        if (vma.isHugetlb() && newBytes > oldBytes) {
            return Operation.failing(Errno.EINVAL); // its pages are reserved when it is mapped
        }
        return resizing(start, oldBytes, new AddressRange(target, target + newBytes));
    }

    /** Told in the kernel's order: what was there, the move, what is cut off, the old place. */
    private Operation resizing(long start, long oldBytes, AddressRange place) {
        long moved = Math.min(oldBytes, place.sizeBytes());
        List<Step> steps = Unmapping.steps(mm, place.start(), place.end());
        List<Step> cut = Unmapping.steps(mm, start + moved, start + oldBytes);
        Vma rest = mm.find(start);
        if (rest == null || start + moved > rest.end()) {
            steps.addAll(cut);
            return new Announced(steps, Outcome.failed(Errno.EFAULT));
        }
        List<Step> move = relocate(start, moved, place, false);
        int told = beginsWithMove(move) ? 1 : 0;
        steps.addAll(move.subList(0, told));
        steps.addAll(cut);
        steps.addAll(move.subList(told, move.size()));
        return new Announced(steps, new Outcome.Done(place.start()));
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
            return Operation.failing(Errno.EFAULT);
        }
        List<Step> steps = new ArrayList<>();
        for (Vma vma : vmas) {
            if (vma.context() != null && vma.start() > start) {
                return new Announced(steps, Outcome.failed(Errno.EFAULT));
            }
            long from = Math.max(start, vma.start());
            long to = Math.min(end, vma.end());
            AddressRange place = new AddressRange(target + from - start, target + to - start);
            steps.addAll(Unmapping.steps(mm, place.start(), place.end()));
            steps.addAll(relocate(from, to - from, place, false));
        }
        return new Announced(steps, new Outcome.Done(target));
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
            steps.addAll(Unmapping.steps(mm, start, start + oldBytes));
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
}
