package dev.stillframe.engine.conformance;

/** How a thread stands. */
public sealed interface Reply {
    /**
     * It did what it was told.
     *
     * @param result what the program sees: a value, a count, or a negative errno
     * @param data what came out of memory, where the act takes something out; empty if not
     */
    record Done(long result, byte[] data) implements Reply {
        private static final byte[] NOTHING = {};

        /** Done, and nothing came out of memory. */
        public static Done of(long result) {
            return new Done(result, NOTHING);
        }
    }

    /**
     * It waits until somebody looks after its userfaultfd.
     *
     * @param interruptible state S: signals reach it; else state D, where only a fatal one does
     */
    record Parked(boolean interruptible) implements Reply {}

    /** An instruction could not be executed; {@code name} is SIGSEGV or SIGBUS. */
    record Signalled(String name) implements Reply {}

    /** It waits for something else: another process, a futex. */
    record Waiting() implements Reply {}

    /** It goes on by itself, in a loop that ends when it is told to. */
    record Busy() implements Reply {}

    /** Its process is stopped. */
    record Stopped() implements Reply {}

    /** It has gone. */
    record Gone() implements Reply {}
}
