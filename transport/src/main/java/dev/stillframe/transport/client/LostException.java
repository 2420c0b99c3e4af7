package dev.stillframe.transport.client;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** An attempt is over; another one may do better. */
public final class LostException extends IOException {
    private static final long serialVersionUID = 1;

    public LostException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
