package dev.stillframe.engine.conformance;

import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The usage of a {@link Verb}, taken apart. Stateless. */
final class Usage {
    private static final Pattern PARTS = Pattern.compile("\\[[^]]+]|\\S+");

    private Usage() {}

    /** Something that a line can or must have. */
    sealed interface Part {}

    /** An operand that must be there. */
    record Needed(Operand operand) implements Part {}

    /** A word that may be there, with an operand if it has one. */
    record Optional(String word, @Nullable Operand operand) implements Part {}

    /** Any number of operands. */
    record Any(Operand operand) implements Part {}

    static List<Part> of(String usage) {
        return PARTS.matcher(usage).results().map(MatchResult::group).map(Usage::part).toList();
    }

    private static Part part(String text) {
        if (text.startsWith("[")) {
            List<String> words = Arrays.asList(text.substring(1, text.length() - 1).split(" "));
            return new Optional(
                    words.getFirst(), words.size() > 1 ? Operand.valueOf(words.get(1)) : null);
        }
        return text.endsWith("...")
                ? new Any(Operand.valueOf(text.substring(0, text.length() - 3)))
                : new Needed(Operand.valueOf(text));
    }
}
