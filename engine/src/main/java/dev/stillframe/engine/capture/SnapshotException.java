package dev.stillframe.engine.capture;

/**
 * A snapshot that did not come about. The message says what failed, why, and what to do; nothing
 * was published and the target is released.
 */
public final class SnapshotException extends Exception {
    private static final long serialVersionUID = 1;

    /** With the cause where there is one below. */
    public SnapshotException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Without a cause: the message says all. */
    public SnapshotException(String message) {
        super(message);
    }
}
