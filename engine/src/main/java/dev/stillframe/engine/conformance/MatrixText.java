package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.Matrix.Cell;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** A matrix as lines of aligned text. Stateless. */
public final class MatrixText {
    private static final int TITLE_WIDTH = 74;
    private static final int ID_WIDTH = 6;

    private MatrixText() {}

    /** The table, then every result that needs a word, then the sum. */
    public static List<String> lines(Matrix matrix) {
        List<String> lines = new ArrayList<>();
        lines.add(row("", "", matrix.backends().stream().map(Backend::label).toList(), matrix));
        for (Scenario scenario : matrix.scenarios()) {
            List<String> marks =
                    matrix.backends().stream()
                            .map(backend -> matrix.cell(scenario, backend).mark())
                            .toList();
            lines.add(row(scenario.id(), scenario.title(), marks, matrix));
        }
        lines.add("");
        lines.add("ok: as the scenario says   fails: as history says it must   -: not run");
        section(lines, "fails, as it must:", matrix, cell -> cell.mark().equals("fails"));
        section(lines, "not run:", matrix, cell -> cell.mark().equals("-"));
        section(lines, "NOT AS EXPECTED:", matrix, cell -> !cell.expected());
        matrix.disagreements()
                .forEach(
                        scenario ->
                                lines.add(
                                        "  %s: the kernel and MODERN disagree"
                                                .formatted(scenario.id())));
        lines.add("");
        lines.add(sum(matrix));
        return lines;
    }

    private static String row(String id, String title, List<String> marks, Matrix matrix) {
        String shown =
                title.length() > TITLE_WIDTH ? title.substring(0, TITLE_WIDTH - 1) + "…" : title;
        StringBuilder line = new StringBuilder(pad(id, ID_WIDTH)).append(pad(shown, TITLE_WIDTH));
        for (int i = 0; i < marks.size(); i++) {
            line.append("  ").append(pad(marks.get(i), matrix.backends().get(i).label().length()));
        }
        return line.toString().stripTrailing();
    }

    private static String pad(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }

    /** Fields of the same scenario and remark are one line. */
    private static void section(
            List<String> lines, String title, Matrix matrix, Predicate<Cell> chosen) {
        Map<String, List<String>> labels = new LinkedHashMap<>();
        matrix.cells().stream()
                .filter(chosen)
                .forEach(
                        cell ->
                                labels.computeIfAbsent(
                                                cell.scenario().id() + "\n" + cell.remark(),
                                                _ -> new ArrayList<>())
                                        .add(cell.backend().label()));
        if (labels.isEmpty()) {
            return;
        }
        lines.add("");
        lines.add(title);
        labels.forEach(
                (key, backends) -> {
                    String[] parts = key.split("\n", 2);
                    lines.add(
                            "  %s %s: %s"
                                    .formatted(parts[0], String.join(", ", backends), parts[1]));
                });
    }

    private static String sum(Matrix matrix) {
        Map<String, Long> counts =
                matrix.cells().stream()
                        .collect(Collectors.groupingBy(Cell::mark, Collectors.counting()));
        long unexpected = counts.getOrDefault("FAIL", 0L) + counts.getOrDefault("PASS", 0L);
        return "%d scenarios: %d results as expected, %d failures as expected, %d not run, %s"
                .formatted(
                        matrix.scenarios().size(),
                        counts.getOrDefault("ok", 0L),
                        counts.getOrDefault("fails", 0L),
                        counts.getOrDefault("-", 0L),
                        !matrix.hasRun()
                                ? "NOTHING WAS RUN"
                                : unexpected == 0
                                        ? "nothing unexpected"
                                        : unexpected + " NOT AS EXPECTED");
    }
}
