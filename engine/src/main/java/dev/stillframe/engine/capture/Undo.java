package dev.stillframe.engine.capture;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A step that undoes something. */
@FunctionalInterface
interface Undo {
    /** Where there is nothing to undo. */
    Undo NOTHING = () -> {};

    void run() throws IOException;

    /**
     * Takes each step, whatever became of those before it. What goes wrong is told with {@code
     * cause}, or logged.
     */
    static void all(@Nullable Throwable cause, Undo... steps) {
        for (Undo step : steps) {
            try {
                step.run();
            } catch (Throwable t) { // nothing may keep the steps behind it from being taken
                if (cause != null && !cause.equals(t)) {
                    cause.addSuppressed(t);
                } else if (cause == null) {
                    Log.LOG.warn(
                            "while a snapshot was ended: {}", String.valueOf(t.getMessage()), t);
                }
            }
        }
    }

    /** An interface has no private fields. */
    final class Log {
        private static final Logger LOG = LoggerFactory.getLogger(Undo.class);

        private Log() {}
    }
}
