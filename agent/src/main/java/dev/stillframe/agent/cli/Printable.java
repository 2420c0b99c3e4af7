package dev.stillframe.agent.cli;

import java.util.regex.Pattern;

/**
 * Text that comes from a target, a file or a peer, made harmless for a terminal: a process may be
 * called anything, also what a terminal takes for a command or for another line. Stateless.
 */
final class Printable {
    /**
     * Controls (also of ISO 6429's second set), invisible marks and such as turn text around, and
     * ends of lines.
     */
    private static final Pattern HARMFUL = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]");

    private Printable() {}

    /** {@code text} as one line, with a question mark for each character that is not for people. */
    static String of(String text) {
        return HARMFUL.matcher(text).replaceAll("?");
    }
}
