package dev.stillframe.engine.conformance;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long each memory of a scenario is, line by line, so that a line that reaches beyond is
 * refused before anything runs. What a turn of a {@code repeat} makes of a number is checked when
 * it runs. Owned by the parser.
 */
final class Extents {
    private static final int HUGE_PAGES = 512;

    private final Map<String, Integer> pages = new HashMap<>();

    /** Why the line is wrong; null if it is not. */
    @Nullable String problem(Step step) {
        if (step.verb() == Verb.MEMORY) {
            return declared(step.operands());
        }
        for (String text : ranges(step)) {
            String problem = text.contains("%") ? null : beyond(Place.of(text), text);
            if (problem != null) {
                return problem;
            }
        }
        if (step.verb() == Verb.MREMAP) {
            moved(step);
        }
        return null;
    }

    private @Nullable String declared(List<String> operands) {
        String name = operands.getFirst();
        Memory.Kind kind = Operand.constant(Memory.Kind.class, operands.get(1));
        int count = operands.get(2).equals("%") ? 0 : Integer.decode(operands.get(2));
        boolean huge = kind == Memory.Kind.THP || kind == Memory.Kind.HUGETLB;
        if (count < 1) {
            return "expected a number of pages from 1 on, not " + operands.get(2);
        }
        if (huge && count % HUGE_PAGES != 0) {
            return "expected a multiple of %d pages of %s, not %d"
                    .formatted(HUGE_PAGES, Operand.word(kind), count);
        }
        return pages.putIfAbsent(name, count) == null
                ? null
                : "expected another name: there is a memory %s".formatted(name);
    }

    private static List<String> ranges(Step step) {
        List<String> ranges = new ArrayList<>();
        if (step.verb() == Verb.EXPECT_MESSAGE || step.verb() == Verb.EXPECT_MESSAGES) {
            for (MessageCheck.Pattern pattern :
                    MessageCheck.of(step.operands().getFirst().replace("%", "0")).patterns()) {
                ranges.add(pattern.range());
                ranges.add(pattern.to());
            }
        } else if (step.verb() != Verb.EXPECT_THREAD) {
            int operand = 0;
            for (Usage.Part part : Usage.of(step.verb().usage())) {
                if (part instanceof Usage.Needed(Operand kind)) {
                    String text = step.operands().get(operand++);
                    ranges.add(isRange(kind) ? text : "");
                } else if (part instanceof Usage.Optional(String word, Operand kind)
                        && kind != null
                        && isRange(kind)) {
                    ranges.add(step.option(word, ""));
                }
            }
        }
        return ranges.stream().filter(text -> Operand.RANGE.accepts(text)).toList();
    }

    private static boolean isRange(Operand kind) {
        return kind == Operand.RANGE || kind == Operand.START;
    }

    private @Nullable String beyond(Place place, String text) {
        Integer count = pages.get(place.memory());
        if (count == null) {
            return null; // when it runs there is none, or it has another number by then
        }
        int end = place.endPage() < 0 ? count : place.endPage();
        if (place.firstPage() >= end) {
            return "expected a range of pages, not " + text;
        }
        return end <= count
                ? null
                : "expected at most %d pages, as %s has: not %s"
                        .formatted(count, place.memory(), text);
    }

    private void moved(Step step) {
        String from = step.operands().getFirst();
        Place place = Place.of(from.replace("%", "0"));
        String as = step.option("as", from.equals(place.memory()) ? from : "");
        boolean isKnown =
                pages.containsKey(place.memory()) && !from.contains("%") && !as.contains("%");
        if (!isKnown || step.option("to", "").contains("%")) {
            pages.remove(as);
            return;
        }
        int end = place.endPage() < 0 ? pages.getOrDefault(place.memory(), 0) : place.endPage();
        int count =
                step.has("to") ? Integer.decode(step.option("to", "")) : end - place.firstPage();
        pages.put(as, count);
    }
}
