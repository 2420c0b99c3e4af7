package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.Entry.Swapped;
import dev.stillframe.engine.time.Deadline;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A machine's memory with all its processes, under one rule of copy-on-write. Its monitor is the
 * one lock of the model: every public operation of every object takes it, so each is one atomic
 * step. Thread-safe.
 */
public final class Mmu {
    /** Size of a page, in bytes. */
    public static final int PAGE_BYTES = 4096;

    /** Size of a huge page, in bytes. */
    public static final long HUGE_BYTES = 2 << 20;

    static final long HUGE_PAGES = HUGE_BYTES / PAGE_BYTES;

    /** The address behind the last that a program can have. */
    static final long TASK_SIZE = (1L << 47) - PAGE_BYTES;

    private final CowPolicy policy;
    private final @Nullable ReentrantLock turns;
    private final FaultPath faults = new FaultPath(this);
    private final UserPages pages = new UserPages(this);
    private final Ranges ranges = new Ranges(this);
    private final Frame zero = new Frame(0, Frame.Kind.ZERO);
    private final List<EmulatedProcess> processes = new ArrayList<>();
    private final Deque<Task> woken = new ArrayDeque<>();
    private long nextFrame = 1;
    private int nextId = 100;

    /** An empty machine. */
    public Mmu(CowPolicy policy) {
        this(policy, null);
    }

    private Mmu(CowPolicy policy, @Nullable ReentrantLock turns) {
        this.policy = policy;
        this.turns = turns;
    }

    /**
     * An empty machine in which threads that wait for themselves, and trackers, take turns as
     * fairly as processors are shared. The monitor alone is whoever's that asks most often. Slower:
     * nearly each step is another thread's.
     */
    public static Mmu inTurns(CowPolicy policy) {
        return new Mmu(policy, new ReentrantLock(true));
    }

    /** A new process without memory, with one thread. */
    public synchronized EmulatedProcess newProcess() {
        return add(new EmulatedProcess(this, nextId(), new AddressSpace(this)));
    }

    /** memfd_create(2). */
    public SharedObject newSharedMemory() {
        return new SharedObject(this, false);
    }

    /** A regular file: only {@link Feature#WP_ASYNC} can track mappings of it. */
    public SharedObject newFile() {
        return new SharedObject(this, true);
    }

    /** A process by its id, dead or alive; what fork returned. */
    public synchronized EmulatedProcess process(long id) {
        return processes.stream()
                .filter(p -> p.id() == id)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no process " + id));
    }

    /**
     * Lets every woken thread go on, in the order of waking, until none is left: they end or park
     * again.
     */
    public synchronized void settle() {
        for (Task task = woken.peek(); task != null; task = woken.peek()) {
            task.proceed();
        }
    }

    /** The threads that wait for somebody, or were woken and have not gone on yet. */
    public synchronized List<Task> parked() {
        return processes.stream().flatMap(p -> p.tasks().stream()).filter(Task::isParked).toList();
    }

    /**
     * Memory reclaim: swaps out the pages of a range that nobody holds, of all processes that share
     * them.
     */
    public synchronized void reclaim(EmulatedProcess process, long start, long bytes) {
        for (Vma vma : process.mm().overlapping(start, start + bytes)) {
            ranges.swapOut(
                    process.mm(),
                    vma,
                    Math.max(start, vma.start()),
                    Math.min(start + bytes, vma.end()),
                    true);
        }
    }

    /**
     * Does a step, in a machine {@linkplain #inTurns of turns} when everybody who asked before has
     * had theirs.
     */
    public <T> T inTurn(Supplier<T> step) {
        if (turns == null) {
            return step.get();
        }
        turns.lock();
        try {
            return step.get();
        } finally {
            turns.unlock();
        }
    }

    /**
     * Waits, on the model's monitor, until {@code condition} holds or the deadline passes; whether
     * it holds.
     */
    synchronized boolean await(BooleanSupplier condition, Deadline deadline)
            throws InterruptedException {
        while (!condition.getAsBoolean()) {
            long left = deadline.leftNanos();
            if (left <= 0) {
                return false;
            }
            wait(left / 1_000_000, (int) (left % 1_000_000));
        }
        return true;
    }

    /** Something happened that somebody may be waiting for. */
    synchronized void changed() {
        notifyAll();
    }

    CowPolicy policy() {
        return policy;
    }

    FaultPath faults() {
        return faults;
    }

    UserPages pages() {
        return pages;
    }

    Ranges ranges() {
        return ranges;
    }

    Frame zero() {
        return zero;
    }

    Deque<Task> woken() {
        return woken;
    }

    synchronized int nextId() {
        return nextId++;
    }

    EmulatedProcess add(EmulatedProcess process) {
        processes.add(process);
        return process;
    }

    synchronized Frame newFrame(Frame.Kind kind) {
        return new Frame(nextFrame++, kind);
    }

    /** Anonymous memory for one entry. */
    Frame newExclusive() {
        Frame frame = newFrame(Frame.Kind.ANON);
        frame.exclusive = true;
        return frame;
    }

    /** The parts of a huge page, for one entry or for 512. */
    List<Frame> newFolio() {
        List<Frame> frames = new ArrayList<>();
        for (int i = 0; i < HUGE_PAGES; i++) {
            frames.add(newExclusive());
        }
        new Folio(frames);
        return frames;
    }

    /**
     * Each entry that maps the frame becomes a swap entry; what the program does without is gone.
     */
    void swapOut(Frame frame) {
        boolean exclusive = frame.exclusive;
        frame.exclusive = false;
        forEachMapping(
                frame,
                (mm, page, present) ->
                        mm.set(
                                page,
                                frame.lazyFree
                                        ? Entry.EMPTY
                                        : new Swapped(frame, present.uffdWp(), exclusive)));
    }

    /**
     * Each entry that maps the frame loses it: unmap_mapping_range, which spares private copies.
     */
    void unmapEverywhere(Frame frame) {
        forEachMapping(
                frame,
                (mm, page, _) -> {
                    Vma vma = mm.find(page * PAGE_BYTES);
                    if (vma == null) {
                        throw new IllegalStateException("an entry without a mapping");
                    }
                    ranges.zapPage(mm, vma, page);
                });
    }

    /**
     * Each mapping of the object loses what it has of the pages from {@code index} on:
     * unmap_mapping_range.
     */
    void unmapBeyond(SharedObject object, long index) {
        for (AddressSpace mm : processes.stream().map(EmulatedProcess::mm).distinct().toList()) {
            for (Vma vma : mm.all()) {
                long kept = index * PAGE_BYTES - vma.objectOffset();
                if (vma.object() == object && kept < vma.end() - vma.start()) {
                    ranges.zap(mm, vma, vma.start() + Math.max(0, kept), vma.end());
                }
            }
        }
    }

    @FunctionalInterface
    private interface Visitor {
        void visit(AddressSpace mm, long page, Present present);
    }

    private static void forEachMapping(Frame frame, Visitor visitor) {
        for (Frame.Mapping mapping : frame.mappings()) {
            Present present = (Present) mapping.mm().entry(mapping.page());
            visitor.visit(mapping.mm(), mapping.page(), present);
        }
    }

    static long pageOf(long address) {
        return address / PAGE_BYTES;
    }

    /** So many bytes, and what is missing to the end of the last page. */
    static long wholePages(long bytes) {
        return bytes + PAGE_BYTES - 1 & -PAGE_BYTES;
    }
}
