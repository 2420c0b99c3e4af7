package dev.stillframe.engine.target;

import dev.stillframe.engine.memory.WriteTracker;
import dev.stillframe.engine.page.ThreadState;
import java.io.IOException;
import java.util.List;

/** A hold on a target. Its methods are called by one thread at a time; closing it lets go of whatever is still held. */
public interface Attachment extends AutoCloseable {
    /** Told of threads of the target that are about to end. */
    @FunctionalInterface
    interface ExitListener {
        /** The thread's last chance to have its memory made writable; it goes on when this returns. */
        void exiting(FrozenThread thread);
    }

    /** What protects the target's memory; not yet enabled. Whoever asks closes it. */
    WriteTracker tracker() throws IOException;

    /**
     * Watches every thread, present and future, without stopping any; {@code listener} hears of exits from now on.
     */
    void watch(ExitListener listener) throws IOException;

    /** Stops every thread and waits until they all are. */
    List<FrozenThread> freeze() throws IOException;

    /** The registers of every frozen thread, the main thread first. */
    List<ThreadState> states() throws IOException;

    /** Lets every thread go on. */
    void thaw() throws IOException;

    /**
     * Called when the last page has been copied.
     *
     * @throws IOException if something happened since T0 that no protection sees, so that the copy may be of more than
     *     one instant
     */
    default void confirm() throws IOException {}

    @Override
    void close();
}
