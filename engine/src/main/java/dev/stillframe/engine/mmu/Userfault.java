package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.time.Deadline;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A descriptor of a userfaultfd context; several can stand for one. Acts on the memory of the
 * context's creator, whoever holds it. Calls answer 0, or a negative errno as ioctl_userfaultfd(2)
 * lists them. Thread-safe.
 */
public final class Userfault implements AutoCloseable {
    /** Registration mode: tell where nothing is. */
    public static final int MODE_MISSING = 1;

    /** Registration mode: tell writes to protected pages. */
    public static final int MODE_WP = 2;

    /** Registration mode: tell where a page is there, but not mapped. */
    public static final int MODE_MINOR = 4;

    /** Bytes of a message, as read(2) counts. */
    public static final int MESSAGE_BYTES = 32;

    /** What {@code UFFDIO_API} is called with. */
    public static final long API = 0xAA;

    private static final long API_IOCTLS = 0x8000000000000003L;
    private static final int WRITEPROTECT_WP = 1;
    private static final int WRITEPROTECT_DONTWAKE = 2;

    private final Context context;
    private @Nullable EmulatedProcess owner;
    private boolean closed;

    Userfault(Context context) {
        this.context = context;
    }

    /** Answer of {@link #api}; after an error all else is 0. */
    public record Handshake(long result, long features, long ioctls) {}

    /** Answer of {@link #read}: bytes or a negative errno, and the messages. */
    public record Read(long result, List<Message> messages) {}

    /** What poll(2) says. */
    public enum Poll {
        /** POLLERR: it cannot be waited for. */
        ERROR,
        /** POLLIN. */
        READABLE,
        /** Nothing. */
        NOTHING
    }

    /** {@code UFFDIO_API} with these features. */
    public Handshake api(Feature... features) {
        long bits = 0;
        for (Feature feature : features) {
            bits |= feature.bit();
        }
        return api(API, bits);
    }

    /** {@code UFFDIO_API}. */
    public Handshake api(long api, long features) {
        synchronized (mmu()) {
            if (api != API || (features & ~Feature.ALL) != 0 || context.initialized) {
                return new Handshake(-Errno.EINVAL.number(), 0, 0);
            }
            boolean async = (features & Feature.WP_ASYNC.bit()) != 0;
            context.features = async ? features | Feature.WP_UNPOPULATED.bit() : features;
            context.initialized = true;
            return new Handshake(0, Feature.ALL, API_IOCTLS);
        }
    }

    /**
     * {@code UFFDIO_REGISTER} with a set of modes, which replaces any other that does not include
     * it.
     */
    public long register(long start, long bytes, int modes) {
        synchronized (mmu()) {
            if (!context.initialized || isBadRange(start, bytes) || modes < 1 || modes > 7) {
                return -Errno.EINVAL.number();
            }
            if (!context.mm.isAlive()) {
                return -Errno.ENOMEM.number();
            }
            List<Vma> vmas = context.mm.overlapping(start, start + bytes);
            if (vmas.isEmpty()) {
                return -Errno.EINVAL.number();
            }
            for (Vma vma : vmas) {
                long refusal = refusal(vma, start, start + bytes, modes);
                if (refusal != 0) {
                    return refusal;
                }
            }
            for (Vma vma : vmas) {
                boolean has = vma.context() == context && (vma.modes() & modes) == modes;
                if (!has) { // and only then it is split
                    context.mm.change(
                            Math.max(start, vma.start()),
                            Math.min(start + bytes, vma.end()),
                            each -> each.registered(context, modes));
                }
            }
            return 0;
        }
    }

    private long refusal(Vma vma, long start, long end, int modes) {
        if (!canUserfault(vma, modes)
                || vma.refuses(Math.max(start, vma.start()), Math.min(end, vma.end()))) {
            return -Errno.EINVAL.number();
        }
        if (!vma.mayWrite()) {
            return -Errno.EPERM.number();
        }
        return vma.context() != null && vma.context() != context ? -Errno.EBUSY.number() : 0;
    }

    private boolean canUserfault(Vma vma, int modes) {
        if (context.has(Feature.WP_ASYNC) && modes == MODE_WP) {
            return true;
        }
        if (vma.object() == null) {
            return (modes & MODE_MINOR) == 0 || vma.isHugetlb();
        }
        return !vma.object().isRegularFile();
    }

    /**
     * {@code UFFDIO_UNREGISTER}. Wakes only who waits in a range that was registered for missing
     * pages.
     */
    public long unregister(long start, long bytes) {
        synchronized (mmu()) {
            if (!context.initialized || isBadRange(start, bytes)) {
                return -Errno.EINVAL.number();
            }
            AddressSpace mm = context.mm;
            if (!mm.isAlive()) {
                return -Errno.ENOMEM.number();
            }
            List<Vma> vmas = mm.overlapping(start, start + bytes);
            if (vmas.isEmpty()
                    || vmas.stream()
                            .anyMatch(vma -> vma.context() != null && vma.context() != context)
                    || vmas.stream().anyMatch(vma -> !canUserfault(vma, vma.modes()))) {
                return -Errno.EINVAL.number();
            }
            for (Vma vma : vmas) {
                long from = Math.max(start, vma.start());
                long to = Math.min(start + bytes, vma.end());
                if (vma.context() == null) {
                    continue; // nor is it split
                }
                if (vma.isMissing()) {
                    context.wake(from, to);
                }
                if (vma.isWp()) {
                    mmu().ranges().protect(mm, vma, from, to, false);
                }
                mm.change(from, to, Vma::unregistered);
            }
            return 0;
        }
    }

    /** {@link #writeProtect} that protects. */
    public long protect(long start, long bytes) {
        return writeProtect(start, bytes, WRITEPROTECT_WP);
    }

    /** {@link #writeProtect} that takes the protection away and wakes who waits in the range. */
    public long unprotect(long start, long bytes) {
        return writeProtect(start, bytes, 0);
    }

    /**
     * {@code UFFDIO_WRITEPROTECT}: mode 1 protects, mode 2 takes away without waking. Not atomic
     * over a range.
     */
    public long writeProtect(long start, long bytes, int mode) {
        synchronized (mmu()) {
            boolean unknown = (mode & ~(WRITEPROTECT_WP | WRITEPROTECT_DONTWAKE)) != 0;
            boolean both = mode == (WRITEPROTECT_WP | WRITEPROTECT_DONTWAKE);
            if (!context.initialized) {
                return -Errno.EINVAL.number();
            }
            if (context.changing > 0) {
                return -Errno.EAGAIN.number();
            }
            if (isBadRange(start, bytes) || unknown || both) {
                return -Errno.EINVAL.number();
            }
            if (!context.mm.isAlive()) {
                return -Errno.ESRCH.number();
            }
            boolean on = mode == WRITEPROTECT_WP;
            boolean any = false;
            for (Vma vma : context.mm.overlapping(start, start + bytes)) {
                if (!vma.isWp()) {
                    return -Errno.ENOENT.number(); // what came before stays as it is now
                }
                if (vma.refuses(Math.max(start, vma.start()), Math.min(start + bytes, vma.end()))) {
                    return -Errno.EINVAL.number();
                }
                mmu().ranges().protect(context.mm, vma, start, start + bytes, on);
                any = true;
            }
            if (!any) {
                return -Errno.ENOENT.number();
            }
            if (mode == 0) {
                context.wake(start, start + bytes);
            }
            return 0;
        }
    }

    /** {@code UFFDIO_WAKE}: who waits in the range tries again. */
    public long wake(long start, long bytes) {
        synchronized (mmu()) {
            if (!context.initialized || isBadRange(start, bytes)) {
                return -Errno.EINVAL.number();
            }
            context.wake(start, start + bytes);
            return 0;
        }
    }

    /** The calls that put pages in place. */
    public Fill fill() {
        return new Fill(context);
    }

    /** read(2) into a buffer of {@code bytes}; never waits, also where the descriptor would. */
    public Read read(int bytes) {
        synchronized (mmu()) {
            if (!context.initialized || bytes < MESSAGE_BYTES) {
                return new Read(-Errno.EINVAL.number(), List.of());
            }
            List<Message> messages = new ArrayList<>();
            while (messages.size() < bytes / MESSAGE_BYTES && context.isReadable()) {
                messages.add(context.read(owner()));
            }
            return messages.isEmpty()
                    ? new Read(-Errno.EAGAIN.number(), List.of())
                    : new Read((long) messages.size() * MESSAGE_BYTES, messages);
        }
    }

    /** All messages that can be read now. */
    public List<Message> drain() {
        return read(Integer.MAX_VALUE).messages();
    }

    /** poll(2) for reading. */
    public Poll poll() {
        synchronized (mmu()) {
            if (!context.initialized || !context.nonBlocking) {
                return Poll.ERROR;
            }
            return context.isReadable() ? Poll.READABLE : Poll.NOTHING;
        }
    }

    /** Waits until a message can be read or the deadline passes; whether one can. */
    public boolean await(Deadline deadline) throws InterruptedException {
        return mmu().await(context::isReadable, deadline);
    }

    /** Faults that nobody has read: {@code pending} of /proc/PID/fdinfo. */
    public int pendingFaults() {
        synchronized (mmu()) {
            return context.unreadFaults();
        }
    }

    /** Faults that are not resolved, read or not: {@code total} of /proc/PID/fdinfo. */
    public int unresolvedFaults() {
        synchronized (mmu()) {
            return context.waitingFaults();
        }
    }

    /** dup(2). */
    public Userfault dup() {
        synchronized (mmu()) {
            return sendTo(owner());
        }
    }

    /** The same context for another process: SCM_RIGHTS, or pidfd_getfd(2). */
    public Userfault sendTo(EmulatedProcess receiver) {
        synchronized (mmu()) {
            Userfault copy = duplicate();
            copy.installIn(receiver);
            return copy;
        }
    }

    /**
     * close(2). The last one of a context unregisters everything, and every waiting thread goes on
     * unnoticed.
     */
    @Override
    public void close() {
        synchronized (mmu()) {
            if (!closed) {
                closed = true;
                if (owner != null) {
                    owner.uninstall(this);
                }
                context.drop();
            }
        }
    }

    Userfault duplicate() {
        if (closed) {
            throw new IllegalStateException("closed");
        }
        context.holders++;
        return new Userfault(context);
    }

    void installIn(EmulatedProcess process) {
        owner = process;
        process.install(this);
    }

    private EmulatedProcess owner() {
        if (owner == null || closed) {
            throw new IllegalStateException("closed");
        }
        return owner;
    }

    private Mmu mmu() {
        return context.mm.mmu;
    }

    static boolean isBadRange(long start, long bytes) {
        return start < 0
                || bytes <= 0
                || start % Mmu.PAGE_BYTES != 0
                || bytes % Mmu.PAGE_BYTES != 0
                || start > Mmu.TASK_SIZE
                || bytes > Mmu.TASK_SIZE - start;
    }
}
