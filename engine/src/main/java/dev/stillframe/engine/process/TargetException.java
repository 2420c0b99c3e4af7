package dev.stillframe.engine.process;

import java.io.IOException;

/**
 * A process that cannot be a target, or is one no longer. The message says what, why, and what to
 * do; the process is left as it was.
 */
public final class TargetException extends IOException {
    private static final long serialVersionUID = 1;

    /** The message is for the user. */
    public TargetException(String message) {
        super(message);
    }

    /** The message is for the user; {@code cause} is the kernel's answer. */
    public TargetException(String message, Throwable cause) {
        super(message, cause);
    }
}
