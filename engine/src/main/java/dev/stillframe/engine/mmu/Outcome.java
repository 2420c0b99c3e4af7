package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;

/** How an operation of a thread stands. Immutable. */
public sealed interface Outcome {
    /**
     * It is over: what was loaded, how many bytes were transferred, an address, or a negative error
     * number.
     */
    record Done(long value) implements Outcome {}

    /**
     * It waits for somebody.
     *
     * @param address where it faulted, or the start of the range that its event is about
     * @param interruptible whether a signal reaches it (state S); else only a fatal one does (state
     *     D)
     */
    record Parked(long address, boolean interruptible) implements Outcome {}

    /** An instruction could not be executed. */
    record Signalled(Signal signal) implements Outcome {}

    /** The thread ended during the operation. */
    record Killed() implements Outcome {}

    /** The signal of a fault. */
    enum Signal {
        /** Nothing is mapped there, or not for this. */
        SIGSEGV,
        /** What is mapped there cannot be given. */
        SIGBUS
    }

    /** An operation that did what it should and has nothing to tell. */
    Outcome OK = new Done(0);

    /** A failed system call. */
    static Outcome failed(Errno errno) {
        return new Done(-errno.number());
    }
}
