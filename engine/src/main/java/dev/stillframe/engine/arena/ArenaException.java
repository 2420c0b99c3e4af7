package dev.stillframe.engine.arena;

import java.io.IOException;

/**
 * A snapshot or restore of an arena that did not come about; the arena is as it was. The message
 * says why.
 */
public final class ArenaException extends IOException {
    private static final long serialVersionUID = 1;

    /** The message says all. */
    public ArenaException(String message) {
        super(message);
    }

    /** With the cause where there is one below. */
    public ArenaException(String message, Throwable cause) {
        super(message, cause);
    }
}
