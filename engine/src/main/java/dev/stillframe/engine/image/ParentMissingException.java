package dev.stillframe.engine.image;

import org.jspecify.annotations.Nullable;

/** An image that has pages of another is not where it is looked for. */
public final class ParentMissingException extends ImageFormatException {
    private static final long serialVersionUID = 1;

    /**
     * With what to do.
     *
     * @param message which image, where it was looked for, and the remedy
     */
    public ParentMissingException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
