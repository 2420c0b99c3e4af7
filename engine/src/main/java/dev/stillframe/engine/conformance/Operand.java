package dev.stillframe.engine.conformance;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Kinds of operands of a {@link Verb}. A {@code %} is the number of the turn of a {@code repeat}.
 */
enum Operand {
    NAME("a name", "[A-Za-z][A-Za-z0-9_%-]*"),
    RANGE("memory such as a, a[3], a[2,5), a[3]+123, a/5000 or child:a", Place.SYNTAX),
    START("memory or a number", Place.SYNTAX + "|0x[0-9a-f]+|\\d+"),
    VALUE("a byte such as 'x' or 0", "'.'|0x[0-9a-f]{1,2}|\\d{1,3}"),
    NUMBER("a number", "0x[0-9a-f]+|\\d+|%"),
    KIND(oneOf(Memory.Kind.values()), anyOf(Memory.Kind.values())),
    MODES(
            "missing, wp and minor, joined by |",
            "(missing|wp|minor)(\\|(missing|wp|minor))*+|none|0x[0-9a-f]+"),
    FEATURE(oneOf(Feature.values()), anyOf(Feature.values())),
    FLAGS("get, protect, get+protect, each with +check", "(get|protect|get\\+protect)(\\+check)?"),
    CATEGORY(oneOf(Scan.Category.values()), anyOf(Scan.Category.values())),
    ADVICE(
            "dontneed, dontneed-locked, free, remove, dontfork, wipeonfork, mergeable, hugepage, cold, pageout or collapse",
            "dontneed(-locked)?|free|remove|dontfork|wipeonfork|mergeable|hugepage|cold|pageout|collapse"),
    PROTECTION("none, r or rw", "none|r|rw"),
    HANDLING("unprotect or off", "unprotect|off"),
    BITS("five of PSFWX, each itself, - or ?", "[P?-][S?-][F?-][W?-][X?-]"),
    CHANGE("same or changed", "same|changed");

    private final String description;

    /** Repeated groups are possessive, because others take a frame of the stack for each turn. */
    private final Pattern accepted;

    Operand(String description, String accepted) {
        this.description = description;
        this.accepted = Pattern.compile(accepted);
    }

    boolean accepts(String text) {
        return accepted.matcher(text).matches();
    }

    String description() {
        return description;
    }

    static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static String oneOf(Enum<?>[] constants) {
        return "one of "
                + Arrays.stream(constants).map(Operand::word).collect(Collectors.joining(", "));
    }

    private static String anyOf(Enum<?>[] constants) {
        return Arrays.stream(constants).map(Operand::word).collect(Collectors.joining("|"));
    }

    /** The constant that a word names; it was checked when the text was read. */
    static <E extends Enum<E>> E constant(Class<E> type, String word) {
        return Enum.valueOf(type, word.toUpperCase(Locale.ROOT).replace('-', '_'));
    }
}
