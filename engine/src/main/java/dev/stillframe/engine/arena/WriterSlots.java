package dev.stillframe.engine.arena;

import dev.stillframe.engine.time.Deadline;
import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.WeakReference;
import java.util.Arrays;
import java.util.Iterator;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;

/**
 * A flag for every platform thread that has ever written to an arena: whether it is between its
 * look at the barrier and the end of its store. Each has a cache line to itself. Thread-safe;
 * {@link #enter} and {@link #leave} are for the owner.
 *
 * <p>Virtual threads get no flag, as there may be millions: they always take the locked path of
 * {@link WriteBarrier}.
 */
final class WriterSlots {
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /** Far from both ends, so that no two flags share a line, wherever the collector puts them. */
    private static final int FLAG = 16;

    /** Id of the thread; ids are never used again. */
    private static final int OWNER = 15;

    private static final int WORDS = 32;

    /** Ids begin with 1. */
    private static final long NO_THREAD = 0;

    /** What virtual threads have instead. */
    private static final long[] NONE = new long[WORDS];

    private static final long POLL_NANOS = 50_000;
    private static final int SPINS = 100;
    private static final ConcurrentLinkedQueue<WeakReference<long[]>> ALL =
            new ConcurrentLinkedQueue<>();
    private static final ThreadLocal<long[]> MINE = ThreadLocal.withInitial(WriterSlots::add);

    /**
     * The flags by the last bits of the threads' ids, to find most of them faster than through a
     * ThreadLocal.
     */
    private static final long[][] BY_ID = new long[1024][];

    static {
        Arrays.fill(BY_ID, NONE);
    }

    private WriterSlots() {}

    private static long[] add() {
        if (Thread.currentThread().isVirtual()) {
            return NONE;
        }
        long id = Thread.currentThread().threadId();
        long[] slot = new long[WORDS];
        slot[OWNER] = id;
        ALL.add(new WeakReference<>(slot)); // the thread alone keeps it alive, or the table
        BY_ID[index(id)] = slot; // whoever was there is found through its ThreadLocal from now on
        return slot;
    }

    private static int index(long id) {
        return (int) id & BY_ID.length - 1;
    }

    /** The flag of this thread. */
    static long[] mine() {
        long id = Thread.currentThread().threadId();
        long[] slot = BY_ID[index(id)]; // a racy read: right or somebody else's
        return slot[OWNER] == id ? slot : MINE.get();
    }

    /** Raises the flag; false if this thread has none. */
    static boolean enter(long[] slot) {
        if (slot[OWNER] == NO_THREAD) {
            return false;
        }
        WORD.setOpaque(slot, FLAG, 1L);
        return true;
    }

    /** Lowers the flag, after all stores before. */
    static void leave(long[] slot) {
        WORD.setRelease(slot, FLAG, 0L);
    }

    /**
     * Makes visible here what every thread did before, and there what this thread did before: a
     * full fence in the name of all threads. The platform has no call of that name, but closing a
     * shared arena must have that effect (JEP 454: a thread-local handshake with every thread):
     * when it returns, no access to its memory may be under way anywhere, and none may begin. Takes
     * some tens of microseconds; nobody else waits.
     */
    static void fenceAllThreads() {
        Arena.ofShared().close();
    }

    /**
     * Waits until every thread was seen outside of a write.
     *
     * @return whether all were, by the {@code deadline}
     */
    static boolean awaitOutside(Deadline deadline) {
        for (Iterator<WeakReference<long[]>> slots = ALL.iterator(); slots.hasNext(); ) {
            long[] slot = slots.next().get();
            if (slot == null) {
                slots.remove(); // its thread is gone
                continue;
            }
            for (int tries = 0; (long) WORD.getAcquire(slot, FLAG) != 0; tries++) {
                if (deadline.hasPassed()) {
                    return false;
                }
                if (tries < SPINS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(POLL_NANOS); // it may need our processor
                }
            }
        }
        return true;
    }
}
