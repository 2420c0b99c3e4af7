package dev.stillframe.engine.process;

import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * A hold on a target. Its methods are called by one thread at a time; closing it lets go of
 * whatever is still held.
 */
public interface Attachment extends AutoCloseable {
    /** Told of threads of the target that are about to end, and where that is seen. */
    @FunctionalInterface
    interface ExitListener {
        /** Where nothing is protected in a way that an exit could meet. */
        ExitListener NONE = thread -> {};

        /**
         * At the end of a thread the kernel clears the word at {@code exitWord}, and drops the
         * fault if it cannot write there: the page must be writable even if we are killed, since
         * exits are then not heard of while the protection is still up. The thread has not ended,
         * and does not before this returns.
         */
        default void willClear(long exitWord) {}

        /**
         * The thread's last chance to have its memory made writable; it goes on when this returns.
         */
        void exiting(FrozenThread thread);
    }

    /** What protects the target's memory; not yet enabled. Whoever asks closes it. */
    WriteTracker tracker() throws IOException;

    /** What marks writes to the target's memory; not yet enabled. Whoever asks closes it. */
    WriteMarks marks() throws IOException;

    /**
     * Watches every thread, present and future; {@code listener} hears of exits from now on.
     *
     * @param lost told, on whatever thread, if the watch ends by itself: exits are then not heard
     *     of any more
     */
    void watch(ExitListener listener, Consumer<Throwable> lost) throws IOException;

    /**
     * The target stands.
     *
     * @param threads all of them
     * @param sinceNanos when the first was told to stop, by the clock that it was attached with
     */
    record Standing(List<FrozenThread> threads, long sinceNanos) {}

    /**
     * Stops every thread and waits until they all stand.
     *
     * @param budget how long the first may stand before the last does; then all go on, and it is
     *     tried again a few times
     * @throws IOException if it does not come about; everything goes on then
     */
    Standing freeze(Duration budget) throws IOException;

    /** The registers of every frozen thread, the main thread first. */
    List<ThreadState> states() throws IOException;

    /** Lets every thread go on. */
    void thaw() throws IOException;

    /**
     * Called when the last page has been copied.
     *
     * @throws IOException if something happened since T0 that no protection sees, so that the copy
     *     may be of more than one instant
     */
    default void confirm() throws IOException {}

    @Override
    void close();
}
