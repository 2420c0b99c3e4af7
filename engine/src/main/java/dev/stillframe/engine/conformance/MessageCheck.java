package dev.stillframe.engine.conformance;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Messages that are expected. Immutable.
 *
 * @param how how the patterns stand for messages
 * @param count for {@link How#COUNT} and {@link How#AT_LEAST}
 * @param patterns the messages
 */
record MessageCheck(How how, int count, List<Pattern> patterns) {
    private static final String EXPECTED =
            "expected none, or WHAT RANGE [by THREAD] joined by commas, or each WHAT RANGE, or NUMBER WHAT RANGE, or at least NUMBER WHAT RANGE;"
                    + " WHAT is one of wp, missing, missing-write, minor, remove, unmap, fork [as NAME], remap RANGE to RANGE";

    /** How patterns stand for messages. */
    enum How {
        /** These, in this order. */
        EXACTLY,
        /** One for each page of the range, in any order. */
        EACH_PAGE,
        /** So many, each for some page of the range. */
        COUNT,
        /** So many or more, all alike. */
        AT_LEAST
    }

    /**
     * One message; {@code thread} is {@code nobody} if it must have none, null if it does not
     * matter.
     */
    record Pattern(
            Message.Kind kind, String range, String to, @Nullable String thread, String child) {
        /** As it was written. */
        @Override
        public String toString() {
            return Operand.word(kind)
                    + (range.isEmpty() ? "" : " " + range)
                    + (to.isEmpty() ? "" : " to " + to)
                    + (thread == null ? "" : " by " + thread)
                    + (child.isEmpty() ? "" : " as " + child);
        }
    }

    static MessageCheck of(String text) {
        if (text.equals("none")) {
            return new MessageCheck(How.EXACTLY, 0, List.of());
        }
        if (text.startsWith("each ")) {
            return new MessageCheck(
                    How.EACH_PAGE, 0, List.of(pattern(text.substring("each ".length()))));
        }
        if (text.startsWith("at least ")) {
            String[] words = text.split(" ", 4);
            if (words.length < 4 || !words[2].matches("\\d+")) {
                throw new IllegalArgumentException(EXPECTED);
            }
            return new MessageCheck(
                    How.AT_LEAST, Integer.parseInt(words[2]), List.of(pattern(words[3])));
        }
        if (!text.isEmpty() && Character.isDigit(text.charAt(0))) {
            String[] words = text.split(" ", 2);
            if (words.length < 2 || !words[0].matches("\\d+")) {
                throw new IllegalArgumentException(EXPECTED);
            }
            return new MessageCheck(
                    How.COUNT, Integer.parseInt(words[0]), List.of(pattern(words[1])));
        }
        List<Pattern> patterns = new ArrayList<>();
        for (String each : text.split(", ")) {
            patterns.add(pattern(each));
        }
        return new MessageCheck(How.EXACTLY, 0, List.copyOf(patterns));
    }

    private static Pattern pattern(String text) {
        List<String> words = List.of(text.trim().split(" +"));
        String range = words.size() > 1 && !words.get(1).equals("as") ? words.get(1) : "";
        Message.Kind kind;
        try {
            kind = Operand.constant(Message.Kind.class, words.getFirst());
        } catch (IllegalArgumentException _) {
            throw new IllegalArgumentException(EXPECTED + ", not " + text);
        }
        int known = range.isEmpty() ? 1 : 2;
        String to = "";
        String thread = null;
        String child = "";
        for (; known + 1 < words.size(); known += 2) {
            String operand = words.get(known + 1);
            switch (words.get(known)) {
                case "to" -> to = operand;
                case "by" -> thread = operand;
                case "as" -> child = operand;
                default -> throw new IllegalArgumentException(EXPECTED + ", not " + text);
            }
        }
        boolean needsRange = kind != Message.Kind.FORK;
        if (known != words.size() || needsRange != Operand.RANGE.accepts(range)) {
            throw new IllegalArgumentException(EXPECTED + ", not " + text);
        }
        return new Pattern(kind, range, to, thread, child);
    }
}
