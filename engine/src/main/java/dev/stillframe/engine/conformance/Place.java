package dev.stillframe.engine.conformance;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Memory as a scenario names it. Immutable.
 *
 * @param process whose; empty if the line does not say
 * @param memory its name
 * @param firstPage first page
 * @param endPage the page behind the last; -1: to the end of the memory
 * @param offset bytes into the first page
 * @param length bytes; -1: to the end of the last page
 */
record Place(String process, String memory, int firstPage, int endPage, int offset, int length) {
    static final String SYNTAX =
            "(?:(?<process>[A-Za-z][\\w%-]*):)?(?<memory>[A-Za-z][\\w%]*)"
                    + "(?:\\[(?<first>\\d+|%)(?:,(?<end>\\d+|%)\\)|\\]))?(?:\\+(?<offset>\\d+|%))?(?:/(?<length>\\d+))?";
    private static final Pattern PATTERN = Pattern.compile(SYNTAX);

    /** Reads text that {@link Operand#RANGE} accepted, with turns filled in. */
    static Place of(String text) {
        Matcher matcher = PATTERN.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(text);
        }
        int first = number(matcher, "first", 0);
        boolean onePage = matcher.group("first") != null && matcher.group("end") == null;
        return new Place(
                matcher.group("process") == null ? "" : matcher.group("process"),
                matcher.group("memory"),
                first,
                number(matcher, "end", onePage ? first + 1 : -1),
                number(matcher, "offset", 0),
                number(matcher, "length", -1));
    }

    private static int number(Matcher matcher, String group, int otherwise) {
        String text = matcher.group(group);
        return text == null ? otherwise : Integer.parseInt(text);
    }
}
