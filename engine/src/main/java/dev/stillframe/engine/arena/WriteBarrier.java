package dev.stillframe.engine.arena;

import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Decides for every write on which side of T0 it is, and has a page copied before the first write
 * after T0. Thread-safe.
 *
 * <p><b>Epochs.</b> Time between two instants is an epoch, an even number. Each page has a
 * <i>stamp</i>, the epoch of its last write, and a <i>claim</i>: the epoch at whose beginning it
 * was last copied ({@code DONE} for the running snapshot if that is the present epoch, else {@code
 * CLEAN}), or {@link #TAKEN} while one thread owns it ({@code COPYING}). An odd epoch number means
 * that T0 is being prepared; the time still belongs to the epoch before.
 *
 * <p><b>The two ways of a write.</b> The <i>open</i> way: raise this thread's flag, look whether
 * the page's stamp is the present epoch, store, lower the flag. The <i>locked</i> way, for the
 * first write to a page in an epoch, for every write while the epoch is odd, and for virtual
 * threads: take the page's claim, look at the epoch, copy the page if a snapshot wants it, stamp
 * it, store, give the claim back.
 *
 * <p><b>Why a store is never on the wrong side.</b> T0 is the one store that makes the epoch even
 * again.
 *
 * <ol>
 *   <li><i>Locked writes.</i> A write is before T0 exactly if it read the epoch before, while it
 *       owned the page. Whoever copies the page for the snapshot must own it too, and knows of the
 *       snapshot, so it comes after T0: it finds the page either with the store done or with the
 *       writer not yet there; and then the writer's look at the epoch comes after T0, and it finds
 *       the page copied.
 *   <li><i>Open writes</i> have no lock and no fence: a thread could look, be stopped by its
 *       operating system, and store long after the page was copied. So before T0 there must be none
 *       of them. First the epoch is made odd, which no stamp is: every open write whose look comes
 *       after that fails and takes the locked way. Of a thread whose look came before, the flag was
 *       raised before, by the order of the program, but it may not be visible yet: the flag and the
 *       look are a store and a load of different words, and to order these two for everybody takes
 *       a fence that costs more than the whole write. {@link WriterSlots#fenceAllThreads} is that
 *       fence, paid once by the snapshot instead of by each write. After it, a flag that is down
 *       means: this thread's next look sees the odd epoch, or its write is over; and its store is
 *       visible, as the flag is lowered with release. A flag that is up is waited for. Nobody waits
 *       meanwhile but the snapshot: other threads take the locked way, which is always safe.
 *   <li><i>Open writes after T0</i> need the stamp of the new epoch, which is set only under the
 *       page's claim, after the copy; stamps are set with release and read with acquire, so the
 *       store comes after the copy.
 *   <li><i>One instant.</i> If a write is before T0, so is every write that happens before it: that
 *       one looked at the epoch earlier, and the epoch only grows. So no image has an effect
 *       without its cause, though T0 stops nobody.
 *   <li><i>Units.</i> T0 is set under the exclusive side of a lock whose shared side every unit
 *       holds from before its first look to after its last store: all looks of a unit are on the
 *       same side.
 * </ol>
 */
final class WriteBarrier {
    /** First epoch: stamps and claims begin with 0, never written. */
    private static final int FIRST_EPOCH = 2;

    /** The claim of a page that somebody owns. */
    private static final int TAKEN = -1;

    private static final int LAST_EPOCH = Integer.MAX_VALUE - 3;
    private static final int SPINS = 200;
    private static final long PARK_NANOS = 20_000;
    private static final VarHandle PAGE_WORD = MethodHandles.arrayElementVarHandle(int[].class);

    private final Clock clock;
    private final Runnable fenceAllThreads;
    private final int[] stamps;
    private final int[] claims;
    private final ReentrantReadWriteLock units = new ReentrantReadWriteLock();
    private volatile int epoch = FIRST_EPOCH;
    private volatile @Nullable Copying copying;

    /** A snapshot that wants pages. */
    interface Copying {
        /** The epoch that its T0 began. */
        int epoch();

        /**
         * Copies a page, which the caller owns, if it is wanted; false if the snapshot has been
         * given up.
         */
        boolean copy(int page);
    }

    /** {@code clock} tells how long T0 has been waited for. */
    WriteBarrier(int pages, Clock clock) {
        this(pages, clock, WriterSlots::fenceAllThreads);
    }

    /**
     * {@code fenceAllThreads} stands for {@link WriterSlots#fenceAllThreads}, so that a test can
     * leave it out.
     */
    WriteBarrier(int pages, Clock clock, Runnable fenceAllThreads) {
        this.clock = clock;
        this.fenceAllThreads = fenceAllThreads;
        stamps = new int[pages];
        claims = new int[pages];
    }

    /**
     * Begins an open write; if it returns true, the store may be made, and {@link
     * WriterSlots#leave} must follow. If it returns false, nothing is to be left, and the write
     * takes the locked way. So it does for a page that does not exist.
     */
    boolean begin(long[] slot, int page) {
        int[] known = stamps;
        if (page >= 0 && page < known.length && WriterSlots.enter(slot)) {
            int now = epoch;
            if ((int) PAGE_WORD.getAcquire(known, page) == now) {
                return true;
            }
            WriterSlots.leave(slot);
        }
        return false;
    }

    /** The locked way: {@code store} must write to nothing but {@code page}. */
    void write(int page, Runnable store) {
        int claim = take(page);
        try {
            int now = epoch & ~1;
            Copying snapshot = copying;
            if (snapshot != null
                    && snapshot.epoch() == now
                    && claim != now
                    && snapshot.copy(page)) {
                claim = now;
            }
            PAGE_WORD.setRelease(stamps, page, now);
            store.run();
        } finally {
            PAGE_WORD.setRelease(claims, page, claim);
        }
    }

    /**
     * Has a page copied, if no writer had it copied yet; false if the snapshot has been given up.
     */
    boolean sweep(Copying snapshot, int page) {
        int wanted = snapshot.epoch();
        if ((int) PAGE_WORD.getAcquire(claims, page) == wanted) {
            return true;
        }
        int claim = take(page);
        try {
            if (claim != wanted && !snapshot.copy(page)) {
                return false;
            }
            claim = wanted;
            return true;
        } finally {
            PAGE_WORD.setRelease(claims, page, claim);
        }
    }

    private int take(int page) {
        for (int tries = 0; ; tries++) {
            int claim = (int) PAGE_WORD.getVolatile(claims, page);
            if (claim != TAKEN && PAGE_WORD.compareAndSet(claims, page, claim, TAKEN)) {
                return claim;
            }
            if (tries < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(
                        PARK_NANOS); // the owner waits for staging, or for a processor
            }
        }
    }

    /** Epoch of a page's last write; 0 if it was never written. For the owner of the page. */
    int stamp(int page) {
        return (int) PAGE_WORD.getAcquire(stamps, page);
    }

    /** The present epoch. */
    int epoch() {
        return epoch;
    }

    /** The epoch that the coming {@link #instant} begins. */
    int nextEpoch() {
        return epoch + 2;
    }

    /**
     * T0. Whatever it throws, the barrier is as it was before.
     *
     * @param snapshot is asked for pages from T0 on; its epoch is {@link #nextEpoch}
     * @param limit of the wait for writers, and again of that for units
     * @throws ArenaException if writers or units did not end in time
     */
    void instant(Copying snapshot, Duration limit) throws ArenaException {
        int before = epoch;
        boolean reached = false;
        try {
            prepare(limit);
            awaitUnits(limit);
            try {
                int next = snapshot.epoch();
                copying = snapshot;
                epoch = next;
                reached = true;
            } finally {
                units.writeLock().unlock();
            }
        } finally {
            if (!reached) {
                epoch = before; // odd, it would send every write the locked way for ever, and be no
                // T0 to anyone
            }
        }
    }

    /** From its return on there is no open write. */
    private void prepare(Duration limit) throws ArenaException {
        int now = epoch;
        if (now >= LAST_EPOCH) {
            throw new IllegalStateException("no more snapshots: the arena has had " + now / 2);
        }
        epoch = now + 1;
        fenceAllThreads.run();
        if (!WriterSlots.awaitOutside(Deadline.in(clock, limit))) {
            throw new ArenaException(
                    "a writer did not finish its write within %d ms; it may have been stopped (debugger, cgroup freezer)"
                            .formatted(limit.toMillis()));
        }
    }

    /** Has the exclusive side of the units on its return. */
    private void awaitUnits(Duration limit) throws ArenaException {
        try {
            if (!units.writeLock().tryLock(limit.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new ArenaException(
                        "units of writes did not end within %d ms".formatted(limit.toMillis()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ArenaException("interrupted while waiting for units of writes", e);
        }
    }

    /** The snapshot wants no more pages. */
    void end() {
        copying = null;
    }

    /** Begins a unit on this thread. */
    void enterUnit() {
        units.readLock().lock();
    }

    /** Ends a unit on this thread. */
    void leaveUnit() {
        units.readLock().unlock();
    }

    /** Whether this thread is in a unit. */
    boolean inUnit() {
        return units.getReadHoldCount() > 0;
    }
}
