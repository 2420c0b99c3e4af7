package dev.stillframe.engine.conformance;

import java.util.List;
import java.util.Map;

/**
 * A line of a scenario. Immutable.
 *
 * @param line its number in the file
 * @param text as written
 * @param only backends that it is for; empty: all
 * @param not backends that it is not for
 * @param doer who does it; empty if nobody is named
 * @param verb what
 * @param operands in the order of the usage, without options
 * @param options words that may be there, with their operand or an empty text
 * @param rest what comes last in any number
 * @param outcome what must come of it; empty: it succeeds
 * @param body lines that a {@code repeat} repeats
 */
record Step(
        int line,
        String text,
        List<String> only,
        List<String> not,
        String doer,
        Verb verb,
        List<String> operands,
        Map<String, String> options,
        List<String> rest,
        String outcome,
        List<Step> body) {
    Step withBody(List<Step> lines) {
        return new Step(
                line,
                text,
                only,
                not,
                doer,
                verb,
                operands,
                options,
                rest,
                outcome,
                List.copyOf(lines));
    }

    boolean isFor(Backend backend) {
        return (only.isEmpty() || only.stream().anyMatch(backend::isCalled))
                && not.stream().noneMatch(backend::isCalled);
    }

    boolean has(String option) {
        return options.containsKey(option);
    }

    String option(String name, String otherwise) {
        return options.getOrDefault(name, otherwise);
    }
}
