package dev.stillframe.engine.image;

import java.io.IOException;

/** Somebody else is writing this image now. */
public final class ImageBusyException extends IOException {
    private static final long serialVersionUID = 1;

    /**
     * With who that may be.
     *
     * @param message what is in use, by whom, and what to do
     */
    public ImageBusyException(String message) {
        super(message);
    }
}
