package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Attachment.ExitListener;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import java.util.List;

/**
 * Keeps what the kernel writes at the end of a thread writable until T0, when it is copied. Called
 * by the tracer.
 */
final class ExitsWhileArming implements ExitListener {
    private final Capture capture;
    private final Target target;
    private final Arming arming;

    ExitsWhileArming(Capture capture, Target target, Arming arming) {
        this.capture = capture;
        this.target = target;
        this.arming = arming;
    }

    @Override
    public void willClear(long exitWord) {
        AddressRange word = new AddressRange(exitWord, exitWord + Integer.BYTES);
        arming.exempt(word.start(), word.end());
        if (capture.table.find(exitWord) != null) { // it may be armed by now
            lift(List.of(word), "a new thread");
        }
    }

    @Override
    public void exiting(FrozenThread thread) {
        List<AddressRange> pages = ThreadPages.of(thread, target);
        pages.forEach(range -> arming.exempt(range.start(), range.end()));
        lift(pages, "thread " + thread.tid());
    }

    private void lift(List<AddressRange> pages, String whose) {
        try {
            if (!capture.workers.getFirst().lift(pages)) {
                capture.fail(new TargetException(whose + " could not be let go in time"));
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts the tracer", e);
        }
    }
}
