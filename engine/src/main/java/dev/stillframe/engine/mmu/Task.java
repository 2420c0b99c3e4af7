package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.FaultPath.Result;
import org.jspecify.annotations.Nullable;

/**
 * A thread of a process. It does one operation at a time: each method below starts one and answers
 * how far it came; if it parked, it stays so until it is woken <em>and</em> told to {@link
 * #proceed}. Thread-safe, as all of the model; see {@link BlockingTask} for threads that wait by
 * themselves.
 */
public final class Task {
    private final EmulatedProcess process;
    private final int id;
    private @Nullable Operation operation;
    private @Nullable Outcome outcome;
    private @Nullable Context waitsFor;
    private Context.@Nullable Waiter waiter;
    private boolean woken;
    private boolean exiting;
    private boolean dead;

    Task(EmulatedProcess process, int id) {
        this.process = process;
        this.id = id;
    }

    /** Its number, unique among threads and processes. */
    public int id() {
        return id;
    }

    /** Whose thread it is. */
    public EmulatedProcess process() {
        return process;
    }

    /** How its last operation stands; only after it started one. */
    public Outcome outcome() {
        synchronized (mmu()) {
            if (outcome == null) {
                throw new IllegalStateException("thread " + id + " has done nothing yet");
            }
            return outcome;
        }
    }

    /** Whether an operation is unfinished. */
    public boolean isParked() {
        synchronized (mmu()) {
            return operation != null;
        }
    }

    /** Whether it can go on. */
    public boolean isWoken() {
        synchronized (mmu()) {
            return woken;
        }
    }

    /** Goes on with the operation if it was woken, from the fault; answers how it stands. */
    public Outcome proceed() {
        synchronized (mmu()) {
            if (woken) {
                attempt();
            }
            return outcome();
        }
    }

    /**
     * A signal that is handled and not fatal. A thread that faulted in an instruction or in a
     * copying system call leaves its wait and faults again, with a message of its own; others do
     * not notice before they are done.
     */
    public void signal() {
        synchronized (mmu()) {
            if (outcome instanceof Outcome.Parked(_, boolean interruptible)
                    && interruptible
                    && !woken) {
                leaveWait();
                wake();
            }
        }
    }

    /** SIGKILL: the operation ends where it is. */
    public void kill() {
        synchronized (mmu()) {
            if (dead) {
                return;
            }
            dead = true;
            exiting = true;
            leaveWait();
            setWoken(false);
            if (operation != null) {
                operation.abandon();
                operation = null;
                outcome = new Outcome.Killed();
            }
            mmu().changed();
        }
    }

    /** A load of 1 to 8 bytes, little-endian. */
    public Outcome load(long address, int bytes) {
        return start(new CpuAccess(address, bytes, CpuAccess.Kind.LOAD, 0, 0));
    }

    /** A store of 1 to 8 bytes, little-endian. */
    public Outcome store(long address, long value, int bytes) {
        return start(new CpuAccess(address, bytes, CpuAccess.Kind.STORE, value, 0));
    }

    /**
     * A locked compare and exchange, a write even when it fails; its value is 1 if it exchanged,
     * else 0.
     */
    public Outcome compareAndSet(long address, long expected, long value, int bytes) {
        return start(
                new CpuAccess(address, bytes, CpuAccess.Kind.COMPARE_AND_SET, value, expected));
    }

    /** System calls that move bytes from and to memory. */
    public Transfers transfers() {
        return new Transfers(this);
    }

    /** System calls that change mappings. */
    public MemoryCalls memory() {
        return new MemoryCalls(this);
    }

    /**
     * The thread ends, and the kernel clears its word at {@code clearTid} (CLONE_CHILD_CLEARTID). A
     * write that would have to wait is dropped.
     */
    public void exit(long clearTid) {
        synchronized (mmu()) {
            exiting = true;
            start(new CpuAccess(clearTid, 4, CpuAccess.Kind.STORE, 0, 0));
            dead = true;
        }
    }

    /**
     * The thread ends, and the kernel marks the robust lock at {@code word}, if it is the thread's:
     * handle_futex_death. A write that would have to wait is dropped.
     */
    public void exitHolding(long word) {
        synchronized (mmu()) {
            exiting = true;
            start(new FutexWord(Transfers.FutexCall.OWNER_DIES, word));
            dead = true;
        }
    }

    Outcome start(Operation next) {
        synchronized (mmu()) {
            if (operation != null) {
                throw new IllegalStateException("thread " + id + " is parked: " + outcome);
            }
            if (dead || !process.isAlive()) {
                throw new IllegalStateException("thread " + id + " is dead");
            }
            operation = next;
            return attempt();
        }
    }

    private Outcome attempt() {
        setWoken(false);
        waiter = null;
        waitsFor = null;
        if (operation == null) {
            throw new IllegalStateException("nothing to go on with");
        }
        Outcome now = operation.attempt(this);
        outcome = now;
        if (!(now instanceof Outcome.Parked)) {
            operation = null;
        }
        mmu().changed();
        return now;
    }

    /**
     * What an operation answers that could not get a page: a signal for an instruction, an error
     * for a system call.
     */
    Outcome stopped(Result result, long address, FaultPath.Origin origin) {
        return switch (result) {
            case PARKED -> new Outcome.Parked(address, origin.interruptible);
            case SIGSEGV, SIGBUS ->
                    origin.user
                            ? new Outcome.Signalled(
                                    result == Result.SIGBUS
                                            ? Outcome.Signal.SIGBUS
                                            : Outcome.Signal.SIGSEGV)
                            : Outcome.failed(Errno.EFAULT);
            case RESOLVED -> throw new IllegalStateException("nothing stopped it");
        };
    }

    void waitFor(Context context, Context.Waiter newWaiter) {
        waitsFor = context;
        waiter = newWaiter;
    }

    /** It may go on; the context has forgotten it. */
    void wake() {
        setWoken(true);
        mmu().changed();
    }

    private void setWoken(boolean now) {
        if (now && !woken) {
            mmu().woken().add(this);
        } else if (!now && woken) {
            mmu().woken().remove(this);
        }
        woken = now;
    }

    private void leaveWait() {
        if (waitsFor != null && waiter != null) {
            waitsFor.forget(waiter);
        }
    }

    boolean isExiting() {
        return exiting;
    }

    Mmu mmu() {
        return process.mmu();
    }

    AddressSpace mm() {
        return process.mm();
    }
}
