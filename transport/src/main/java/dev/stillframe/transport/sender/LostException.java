package dev.stillframe.transport.sender;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/** An attempt is over; another one may do better. */
final class LostException extends IOException {
    private static final long serialVersionUID = 1;

    LostException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
