package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Entry.Marker;
import dev.stillframe.engine.mmu.Entry.Present;
import java.util.function.Consumer;
import java.util.function.LongToIntFunction;

/**
 * The calls of a userfaultfd that put pages in place: {@code UFFDIO_COPY} and its like. Each works
 * page after page and stops at the first that does not go. Thread-safe.
 */
public final class Fill {
    /** Mode: do not wake who waits. */
    public static final int DONTWAKE = 1;

    /** Mode of COPY and CONTINUE: protect the page. Mode of MOVE: skip what the source lacks. */
    public static final int WP = 2;

    /** Mode of MOVE: the source may have holes. */
    public static final int ALLOW_SRC_HOLES = 2;

    private final Context context;

    Fill(Context context) {
        this.context = context;
    }

    /**
     * What the ioctl answers, 0 or a negative errno, and what it writes back: bytes done, or a
     * negative errno.
     */
    public record Filled(long result, long done) {}

    /** {@code UFFDIO_COPY} of the caller's bytes. */
    public Filled copy(long start, byte[] source, int mode) {
        return fill(
                start,
                source.length,
                mode,
                DONTWAKE | WP,
                page -> {
                    int offset = (int) (page * Mmu.PAGE_BYTES - start);
                    return install(page, (mode & WP) != 0, frame -> frame.fill(source, offset));
                });
    }

    /** {@code UFFDIO_ZEROPAGE}. */
    public Filled zeroPage(long start, long bytes, int mode) {
        return fill(
                start,
                bytes,
                mode,
                DONTWAKE,
                page -> {
                    Vma vma = vmaOf(page);
                    if (vma.isHugetlb()) {
                        return -Errno.EINVAL.number();
                    }
                    if (vma.shared()) {
                        return install(page, false, _ -> {});
                    }
                    if (!(context.mm.entry(page) instanceof Entry.Empty)) {
                        return -Errno.EEXIST.number();
                    }
                    if (isBeyond(vma, page)) {
                        return -Errno.EFAULT.number();
                    }
                    context.mm.set(page, new Present(context.mm.mmu.zero(), false, false, false));
                    return 0;
                });
    }

    /** {@code UFFDIO_POISON}: whoever touches the pages gets SIGBUS. */
    public Filled poison(long start, long bytes, int mode) {
        return fill(
                start,
                bytes,
                mode,
                DONTWAKE,
                page -> {
                    if (isBeyond(vmaOf(page), page)) {
                        return -Errno.EFAULT.number();
                    }
                    if (!(context.mm.entry(page) instanceof Entry.Empty)) {
                        return -Errno.EEXIST.number();
                    }
                    context.mm.set(page, new Marker(false, true));
                    return 0;
                });
    }

    /**
     * {@code UFFDIO_CONTINUE}: maps what the object has; in private memory without the right to
     * write.
     */
    public Filled resume(long start, long bytes, int mode) {
        return fill(
                start,
                bytes,
                mode,
                DONTWAKE | WP,
                page -> {
                    Vma vma = vmaOf(page);
                    SharedObject object = vma.object();
                    boolean wp = (mode & WP) != 0;
                    if (object == null || wp && !vma.isWp()) {
                        return -Errno.EINVAL.number();
                    }
                    Frame frame = object.cached(vma.objectPage(page));
                    if (frame == null || isBeyond(vma, page)) {
                        return -Errno.EFAULT.number();
                    }
                    if (!mayOverwrite(page)) {
                        return -Errno.EEXIST.number();
                    }
                    boolean writable = vma.shared() && vma.writable() && !wp;
                    context.mm.set(
                            page,
                            new Present(object.page(vma.objectPage(page)), writable, wp, true));
                    return 0;
                });
    }

    private static boolean isBeyond(Vma vma, long page) {
        return vma.object() != null && vma.objectPage(page) >= vma.object().pageCount();
    }

    /**
     * {@code UFFDIO_MOVE} of pages within the memory of the context; the {@code caller} must live
     * in it.
     */
    public Filled move(EmulatedProcess caller, long target, long source, long bytes, int mode) {
        synchronized (context.mm.mmu) {
            int refusal = refusalToMove(caller, target, source, bytes, mode);
            return refusal != 0
                    ? new Filled(refusal, refusal)
                    : new Moving(context, target, source, bytes, mode).run();
        }
    }

    private int refusalToMove(
            EmulatedProcess caller, long target, long source, long bytes, int mode) {
        if (!context.initialized) {
            return -Errno.EINVAL.number();
        }
        if (context.changing > 0) {
            return -Errno.EAGAIN.number();
        }
        boolean bad =
                (mode & ~(DONTWAKE | ALLOW_SRC_HOLES)) != 0
                        || Userfault.isBadRange(source, bytes)
                        || Userfault.isBadRange(target, bytes);
        if (caller.mm() != context.mm || bad) {
            return -Errno.EINVAL.number();
        }
        context.mm.expectPrivatePage(target);
        Vma from = context.mm.find(source);
        Vma to = context.mm.find(target);
        if (from == null || to == null) {
            return -Errno.ENOENT.number();
        }
        boolean alike =
                from.readable() == to.readable()
                        && from.writable() == to.writable()
                        && from.marks().locked() == to.marks().locked();
        boolean movable =
                isMovable(from) && isMovable(to) && from.writable() && to.context() == context;
        boolean within = source + bytes <= from.end() && target + bytes <= to.end();
        return alike && movable && within ? 0 : -Errno.EINVAL.number();
    }

    private static boolean isMovable(Vma vma) {
        return vma.isAnonymous() && !vma.isHugetlb();
    }

    /** A page with new content: mfill_atomic_pte. */
    private int install(long page, boolean wp, Consumer<Frame> content) {
        Vma vma = vmaOf(page);
        if (wp && !vma.isWp()) {
            return -Errno.EINVAL.number();
        }
        SharedObject object = vma.object();
        long index = vma.objectPage(page);
        if (isBeyond(vma, page)) {
            return -Errno.EFAULT.number();
        }
        if (!mayOverwrite(page) || object != null && vma.shared() && object.cached(index) != null) {
            return -Errno.EEXIST.number();
        }
        Frame frame =
                object != null && vma.shared() ? object.page(index) : context.mm.mmu.newExclusive();
        content.accept(frame);
        context.mm.set(page, new Present(frame, vma.writable() && !wp, wp, true));
        return 0;
    }

    /** Nothing is there, or a mark that this call replaces. */
    private boolean mayOverwrite(long page) {
        return context.mm.entry(page) instanceof Entry.Empty
                || context.mm.entry(page) instanceof Marker;
    }

    private Vma vmaOf(long page) {
        Vma vma = context.mm.find(page * Mmu.PAGE_BYTES);
        if (vma == null) {
            throw new IllegalStateException("checked before");
        }
        return vma;
    }

    /** What is common: the checks, the way through the pages, the answer, the waking. */
    private Filled fill(long start, long bytes, int mode, int modes, LongToIntFunction onePage) {
        synchronized (context.mm.mmu) {
            int refusal = refusal(start, bytes, mode, modes);
            if (refusal != 0) {
                return new Filled(refusal, refusal);
            }
            long done = 0;
            int error = 0;
            while (done < bytes && error == 0) {
                error = onePage.applyAsInt(Mmu.pageOf(start + done));
                done += error == 0 ? Mmu.PAGE_BYTES : 0;
            }
            if (done == 0) {
                return new Filled(error, error);
            }
            joinUnits(start, done);
            if ((mode & DONTWAKE) == 0) {
                context.wake(start, start + done);
            }
            return new Filled(done == bytes ? 0 : -Errno.EAGAIN.number(), done);
        }
    }

    /** Where an entry maps 2 MiB or nothing, the pages just filled are such units. */
    private void joinUnits(long start, long bytes) {
        for (long unit = start;
                vmaOf(Mmu.pageOf(start)).isHugetlb() && unit < start + bytes;
                unit += Mmu.HUGE_BYTES) {
            context.mm.joinHuge(Mmu.pageOf(unit));
        }
    }

    private int refusal(long start, long bytes, int mode, int modes) {
        if (!context.initialized) {
            return -Errno.EINVAL.number();
        }
        if (context.changing > 0) {
            return -Errno.EAGAIN.number();
        }
        if (Userfault.isBadRange(start, bytes) || (mode & ~modes) != 0) {
            return -Errno.EINVAL.number();
        }
        if (!context.mm.isAlive()) {
            return -Errno.ESRCH.number();
        }
        context.mm.expectPrivatePage(start); // also if nothing comes of it: lock_vma
        Vma vma = context.mm.find(start);
        if (vma == null || vma.context() == null || start + bytes > vma.end()) {
            return -Errno.ENOENT.number();
        }
        return vma.refuses(start, start + bytes) ? -Errno.EINVAL.number() : 0;
    }
}
