package dev.stillframe.engine.conformance;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads the text form of scenarios, {@code CONFORMANCE.md}. One use; owned by one thread. */
public final class ScenarioParser {
    private static final Pattern HEAD = Pattern.compile("scenario +([A-Z][A-Z0-9]*) +(\\S.*)");
    private static final Pattern FAILS = Pattern.compile("fails under ++([^:]++): +(\\S.*)");
    private static final String NEEDS_ZERO_PAGE = "needs the zero page";
    private static final Pattern KERNEL_ONLY = Pattern.compile("kernel only: +(\\S.*)");

    private final String file;
    private final List<Scenario> scenarios = new ArrayList<>();
    private @Nullable Draft draft;

    /** A scenario that is being read. */
    private static final class Draft {
        private final Line head;
        private final int line;
        private final String id;
        private final String title;
        private String kernelOnly = "";
        private boolean needsZeroPage;
        private final Map<String, String> failsUnder = new HashMap<>();
        private final Deque<List<Step>> blocks = new ArrayDeque<>(List.of(new ArrayList<>()));
        private final Deque<Step> repeats = new ArrayDeque<>();
        private final Extents extents = new Extents();

        Draft(Line head, int line, String id, String title) {
            this.head = head;
            this.line = line;
            this.id = id;
            this.title = title;
        }
    }

    private ScenarioParser(String file) {
        this.file = file;
    }

    /**
     * Reads all scenarios of a file.
     *
     * @param file its name, for messages
     * @throws ScenarioFormatException at the first line that is wrong
     */
    public static List<Scenario> parse(String file, String text) throws ScenarioFormatException {
        ScenarioParser parser = new ScenarioParser(file);
        int number = 0;
        for (String line : text.lines().toList()) {
            number++;
            String content = line.replaceFirst("(^|\\s)#.*", "").trim();
            if (!content.isEmpty()) {
                parser.accept(new Line(file, number, content), number, content);
            }
        }
        parser.finish();
        if (parser.scenarios.isEmpty()) {
            throw new ScenarioFormatException(
                    file, number, "expected a scenario: scenario ID TITLE");
        }
        return List.copyOf(parser.scenarios);
    }

    private void accept(Line line, int number, String content) throws ScenarioFormatException {
        Matcher head = HEAD.matcher(content);
        if (head.matches()) {
            finish();
            draft = new Draft(line, number, head.group(1), head.group(2));
            return;
        }
        if (draft == null || content.startsWith("scenario")) {
            throw line.wrong("expected a scenario: scenario ID TITLE");
        }
        Matcher fails = FAILS.matcher(content);
        Matcher kernelOnly = KERNEL_ONLY.matcher(content);
        if (fails.matches()) {
            for (String name : line.backends(fails.group(1))) {
                draft.failsUnder.put(name, fails.group(2));
            }
        } else if (content.equals(NEEDS_ZERO_PAGE)) {
            draft.needsZeroPage = true;
        } else if (kernelOnly.matches()) {
            draft.kernelOnly = kernelOnly.group(1);
        } else {
            accept(draft, line);
        }
    }

    private static void accept(Draft draft, Line line) throws ScenarioFormatException {
        Step step = line.step();
        String problem = draft.extents.problem(step);
        if (problem != null) {
            throw line.wrong(problem);
        }
        switch (step.verb()) {
            case REPEAT -> {
                draft.repeats.push(step);
                draft.blocks.push(new ArrayList<>());
            }
            case END -> {
                if (draft.repeats.isEmpty()) {
                    throw line.wrong("expected a repeat before its end");
                }
                List<Step> body = draft.blocks.pop();
                draft.blocks.element().add(draft.repeats.pop().withBody(body));
            }
            default -> draft.blocks.element().add(step);
        }
    }

    private void finish() throws ScenarioFormatException {
        if (draft == null) {
            return;
        }
        if (!draft.repeats.isEmpty()) {
            throw draft.head.wrong("expected an end for each repeat of scenario " + draft.id);
        }
        if (scenarios.stream().anyMatch(each -> each.id().equals(draft.id))) {
            throw draft.head.wrong("expected another id: %s is there already".formatted(draft.id));
        }
        if (draft.blocks.element().isEmpty()) {
            throw draft.head.wrong("expected at least one line in scenario " + draft.id);
        }
        scenarios.add(
                new Scenario(
                        draft.id,
                        draft.title,
                        file,
                        draft.line,
                        draft.kernelOnly,
                        draft.needsZeroPage,
                        draft.failsUnder,
                        draft.blocks.element()));
        draft = null;
    }
}
