package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Entry.Marker;
import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.Entry.Swapped;
import dev.stillframe.engine.mmu.Fill.Filled;

/**
 * UFFDIO_MOVE within one mapping and into another, both checked before: move_pages. Under the
 * model's lock.
 */
final class Moving {
    private final Context context;
    private final AddressSpace mm;
    private final long target;
    private final long source;
    private final long bytes;
    private final int mode;

    Moving(Context context, long target, long source, long bytes, int mode) {
        this.context = context;
        this.mm = context.mm;
        this.target = target;
        this.source = source;
        this.bytes = bytes;
        this.mode = mode;
    }

    /** Up to the first page that does not go; its answer is that of the other calls that fill. */
    Filled run() {
        long done = 0;
        int error = 0;
        while (done < bytes && error == 0) {
            long from = Mmu.pageOf(source + done);
            long to = Mmu.pageOf(target + done);
            boolean whole = mm.isHuge(from) && movesWhole(from, to, bytes - done);
            error = whole ? moveUnit(from, to) : movePage(from, to);
            done += error != 0 ? 0 : whole ? Mmu.HUGE_BYTES : Mmu.PAGE_BYTES;
        }
        if (done > 0 && (mode & Fill.DONTWAKE) == 0) {
            context.wake(target, target + done);
        }
        return done == 0
                ? new Filled(error, error)
                : new Filled(done == bytes ? 0 : -Errno.EAGAIN.number(), done);
    }

    /** A huge page stays one if nothing, not even a table of entries, is where it goes. */
    private boolean movesWhole(long from, long to, long left) {
        return from % Mmu.HUGE_PAGES == 0
                && to % Mmu.HUGE_PAGES == 0
                && left >= Mmu.HUGE_BYTES
                && !mm.hasTable(to);
    }

    private int moveUnit(long from, long to) {
        if (isBusy(mm.firstOfUnit(from))) {
            return -Errno.EBUSY.number();
        }
        for (long i = 0; i < Mmu.HUGE_PAGES; i++) {
            Present present = (Present) mm.entry(from + i);
            mm.set(from + i, Entry.EMPTY);
            mm.set(to + i, moved(present.frame()));
        }
        mm.joinHuge(to);
        return 0;
    }

    private int movePage(long from, long to) {
        Entry entry = mm.entry(from);
        if (mm.isHuge(from)) {
            Frame first = mm.firstOfUnit(from);
            if (first.kind == Frame.Kind.ANON && !first.exclusive) {
                return -Errno.EBUSY.number();
            }
            mm.splitHuge(from);
        }
        if (entry instanceof Entry.Empty
                && !mm.hasTable(from)
                && (mode & Fill.ALLOW_SRC_HOLES) == 0) {
            return -Errno.ENOENT.number();
        }
        mm.needTable(to);
        if (!(mm.entry(to) instanceof Entry.Empty)) {
            return -Errno.EEXIST.number();
        }
        return switch (entry) {
            case Entry.Empty _ -> (mode & Fill.ALLOW_SRC_HOLES) != 0 ? 0 : -Errno.ENOENT.number();
            case Marker _ -> -Errno.EFAULT.number();
            case Swapped swapped when !swapped.exclusive() -> -Errno.EBUSY.number();
            case Swapped swapped -> {
                mm.set(from, Entry.EMPTY);
                mm.set(to, swapped); // as it is, with its protection
                yield 0;
            }
            case Present present -> {
                Frame frame = present.frame();
                if (isBusy(frame) || frame.folio != null && !frame.folio.split()) {
                    yield -Errno.EBUSY.number();
                }
                Frame apart =
                        ((Present) mm.entry(from))
                                .frame(); // the page of zeros, if there was nothing in it
                mm.set(from, Entry.EMPTY);
                mm.set(to, moved(apart));
                yield 0;
            }
        };
    }

    private static boolean isBusy(Frame frame) {
        return frame.kind == Frame.Kind.ANON && (!frame.exclusive || frame.isPinned());
    }

    private Present moved(Frame frame) {
        boolean anon = frame.kind == Frame.Kind.ANON;
        Vma vma = mm.find(target);
        return new Present(frame, anon && vma != null && vma.writable(), false, anon);
    }
}
