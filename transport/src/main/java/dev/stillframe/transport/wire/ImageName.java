package dev.stillframe.transport.wire;

import java.util.regex.Pattern;

/**
 * The rule for names of images on the wire: a name is a plain file name, safe in every directory.
 */
public final class ImageName {
    private static final Pattern NAME =
            Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0," + (Limits.MAX_NAME_BYTES - 1) + "}");

    /** Marks unfinished images in a store. */
    private static final String PARTIAL = ".partial-";

    private ImageName() {}

    /** Whether {@code name} keeps {@link #rule()}. */
    public static boolean isValid(String name) {
        return NAME.matcher(name).matches() && !name.contains(PARTIAL);
    }

    /** The rule in words. */
    public static String rule() {
        return "an image's name is 1 to %d of A-Z a-z 0-9 . _ -, does not begin with a dot and does not contain %s"
                .formatted(Limits.MAX_NAME_BYTES, PARTIAL);
    }
}
