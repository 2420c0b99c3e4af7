package dev.stillframe.engine.page;

import java.io.IOException;

/**
 * A sink whose half-done image can be taken up again, also by another process and after a crash.
 * Taken up again, its {@link #begin} brings the layout of before or one that amends it, and pages
 * that came after the last checkpoint may come a second time.
 */
public interface DurableSink extends PageSink {
    /** Where it stands on the disk: {@link Checkpoint#START} if it is new. */
    Checkpoint checkpoint();

    /**
     * Forces to the disk all that was accepted, and with it how far that is. Once this has
     * returned, whoever sent those batches may forget them.
     *
     * @throws IOException if that fails; the image cannot be finished any more then
     */
    void checkpoint(Checkpoint reached) throws IOException;

    /** Closes it so that it can be taken up again at its last checkpoint. */
    void suspend();
}
