package dev.stillframe.engine.image;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * An image, or what was sent to become one, that breaks the rules of the format. The message names
 * the file, page or address, what was found and what was expected.
 */
public class ImageFormatException extends IOException {
    private static final long serialVersionUID = 1;

    /** Without a cause: the message says all. */
    public ImageFormatException(String message) {
        super(message);
    }

    /** With the cause below. */
    public ImageFormatException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
