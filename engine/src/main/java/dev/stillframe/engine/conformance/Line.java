package dev.stillframe.engine.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One line of text on its way to a {@link Step}. Owned by the parser. */
final class Line {
    private static final Pattern WORDS = Pattern.compile("'.'|[^\\s']+");
    private static final Pattern UNDER = Pattern.compile("(not )?under ([A-Za-z0-9_, ]+): *(.*)");
    private static final Pattern DOER = Pattern.compile("([A-Za-z][\\w%-]*): +(.*)");

    private final String file;
    private final int number;
    private final String text;
    private List<String> only = List.of();
    private List<String> not = List.of();
    private String doer = "";

    Line(String file, int number, String text) {
        this.file = file;
        this.number = number;
        this.text = text;
    }

    Step step() throws ScenarioFormatException {
        String rest = condition(text);
        Matcher matcher = DOER.matcher(rest);
        if (matcher.matches()) {
            doer = matcher.group(1);
            rest = matcher.group(2);
        }
        int arrow = rest.indexOf(" -> ");
        String outcome = arrow < 0 ? "" : rest.substring(arrow + 4).trim();
        String left = arrow < 0 ? rest : rest.substring(0, arrow);
        if (!Outcome.of(outcome).isWellFormed()) {
            throw wrong("after ->, expected " + Outcome.DESCRIPTION + ", not " + outcome);
        }
        return step(words(left), outcome);
    }

    private String condition(String line) throws ScenarioFormatException {
        Matcher matcher = UNDER.matcher(line);
        if (!matcher.matches()) {
            return line;
        }
        List<String> names = backends(matcher.group(2));
        if (matcher.group(1) == null) {
            only = names;
        } else {
            not = names;
        }
        return matcher.group(3);
    }

    List<String> backends(String list) throws ScenarioFormatException {
        List<String> names = Arrays.stream(list.split(",")).map(String::trim).toList();
        for (String name : names) {
            if (Backend.named(name).isEmpty()) {
                throw wrong("expected kernel, model, or a rule such as MODERN, not " + name);
            }
        }
        return names;
    }

    static List<String> words(String text) {
        return WORDS.matcher(text).results().map(MatchResult::group).toList();
    }

    private Step step(List<String> words, String outcome) throws ScenarioFormatException {
        if (words.isEmpty()) {
            throw wrong("expected something to do");
        }
        boolean expect = words.getFirst().equals("expect") && words.size() > 1;
        Verb verb = Verb.of(expect ? "expect " + words.get(1) : words.getFirst()).orElse(null);
        int used = expect ? 2 : 1;
        if (verb == null && expect) {
            verb = Verb.EXPECT_THREAD;
            used = 1;
        }
        if (verb == null) {
            throw wrong("unknown word " + words.getFirst());
        }
        if (verb.doer() == Verb.Doer.THREAD && doer.isEmpty()) {
            throw wrong(
                    "%s is done by a thread: expected T1: %s %s"
                            .formatted(verb.word(), verb.word(), verb.usage()));
        }
        if (verb.doer() == Verb.Doer.NOBODY && !doer.isEmpty()) {
            throw wrong("%s is not done by anybody: expected no %s:".formatted(verb.word(), doer));
        }
        return switch (verb) {
            case EXPECT_MESSAGE, EXPECT_MESSAGES ->
                    messages(verb, words.subList(used, words.size()));
            case EXPECT_THREAD -> threadState(words.subList(used, words.size()));
            default -> operands(verb, words.subList(used, words.size()), outcome);
        };
    }

    private Step threadState(List<String> words) throws ScenarioFormatException {
        String outcome =
                String.join(" ", words.subList(1, words.size()))
                        .replaceAll(
                                "\\bdone(?= *(\\||$))",
                                "ok") // done, and nothing said of the result
                        .replaceAll("\\bdone +", "");
        if (!Operand.NAME.accepts(words.getFirst()) || !Outcome.of(outcome).isWellFormed()) {
            throw wrong(
                    "expected a thread and how it stands: done, or "
                            + Outcome.DESCRIPTION
                            + "; or one of the checks of"
                            + " CONFORMANCE.md");
        }
        return build(Verb.EXPECT_THREAD, List.of(words.getFirst()), Map.of(), List.of(), outcome);
    }

    private Step messages(Verb verb, List<String> words) throws ScenarioFormatException {
        List<String> left = new ArrayList<>(words);
        Map<String, String> options = new HashMap<>();
        int on = left.indexOf("on");
        if (on >= 0 && on + 2 == left.size()) {
            options.put("on", left.get(on + 1));
            left = left.subList(0, on);
        }
        String patterns = String.join(" ", left);
        try {
            MessageCheck.of(patterns.replace("%", "0"));
        } catch (IllegalArgumentException e) {
            throw wrong(String.valueOf(e.getMessage()));
        }
        return build(verb, List.of(patterns), options, List.of(), "");
    }

    private Step operands(Verb verb, List<String> words, String outcome)
            throws ScenarioFormatException {
        List<String> operands = new ArrayList<>();
        Map<String, String> options = new HashMap<>();
        List<String> rest = new ArrayList<>();
        int at = 0;
        for (Usage.Part part : Usage.of(verb.usage())) {
            switch (part) {
                case Usage.Needed(Operand operand) -> {
                    operands.add(checked(verb, operand, at < words.size() ? words.get(at) : null));
                    at++;
                }
                case Usage.Optional(String word, Operand operand) -> {
                    if (at < words.size() && words.get(at).equals(word)) {
                        at++;
                        options.put(
                                word,
                                operand == null
                                        ? ""
                                        : checked(
                                                verb,
                                                operand,
                                                at < words.size() ? words.get(at++) : null));
                    }
                }
                case Usage.Any(Operand operand) -> {
                    while (at < words.size()) {
                        rest.add(checked(verb, operand, words.get(at++)));
                    }
                }
            }
        }
        if (at < words.size()) {
            throw wrong(
                    "expected %s %s, not %s".formatted(verb.word(), verb.usage(), words.get(at)));
        }
        return build(verb, operands, options, rest, outcome);
    }

    private String checked(Verb verb, Operand operand, @Nullable String word)
            throws ScenarioFormatException {
        if (word == null || !operand.accepts(word)) {
            throw wrong(
                    "expected %s %s, where %s is %s%s"
                            .formatted(
                                    verb.word(),
                                    verb.usage(),
                                    operand,
                                    operand.description(),
                                    word == null ? "" : ", not " + word));
        }
        return word;
    }

    private Step build(
            Verb verb,
            List<String> operands,
            Map<String, String> options,
            List<String> rest,
            String outcome) {
        return new Step(
                number,
                text,
                only,
                not,
                doer,
                verb,
                List.copyOf(operands),
                Map.copyOf(options),
                List.copyOf(rest),
                outcome,
                List.of());
    }

    ScenarioFormatException wrong(String expected) {
        return new ScenarioFormatException(file, number, expected);
    }
}
