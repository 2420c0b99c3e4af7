package dev.stillframe.engine.conformance;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Scenarios as text again. */
public final class ScenarioText {
    private ScenarioText() {}

    /** What a parser reads as the same scenarios, but for the numbers of the lines. */
    public static String of(List<Scenario> scenarios) {
        StringBuilder text = new StringBuilder();
        for (Scenario scenario : scenarios) {
            line(text, "scenario %s %s", scenario.id(), scenario.title());
            if (!scenario.kernelOnly().isEmpty()) {
                line(text, "kernel only: %s", scenario.kernelOnly());
            }
            scenario.failsUnder()
                    .forEach((rule, why) -> line(text, "fails under %s: %s", rule, why));
            steps(text, scenario.steps());
        }
        return text.toString();
    }

    /** What was understood of the text, but for the numbers of the lines. */
    public static List<String> meaning(List<Scenario> scenarios) {
        return scenarios.stream()
                .map(
                        scenario ->
                                String.join(
                                        "\n",
                                        scenario.id(),
                                        scenario.title(),
                                        scenario.kernelOnly(),
                                        sorted(scenario.failsUnder()),
                                        meaningOf(scenario.steps())))
                .toList();
    }

    private static String meaningOf(List<Step> steps) {
        StringBuilder meaning = new StringBuilder();
        for (Step step : steps) {
            meaning.append(
                    "%s %s %s %s %s %s %s %s {%s}\n"
                            .formatted(
                                    step.only(),
                                    step.not(),
                                    step.doer(),
                                    step.verb(),
                                    step.operands(),
                                    sorted(step.options()),
                                    step.rest(),
                                    step.outcome(),
                                    meaningOf(step.body())));
        }
        return meaning.toString();
    }

    private static String sorted(Map<String, String> map) {
        return new TreeMap<>(map).toString();
    }

    private static void steps(StringBuilder text, List<Step> steps) {
        for (Step step : steps) {
            line(text, "%s", step.text());
            if (step.verb() == Verb.REPEAT) {
                steps(text, step.body());
                line(text, "end");
            }
        }
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(format.formatted(values)).append('\n');
    }
}
