package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.Matrix.Cell;
import java.util.List;

/** A matrix as one HTML page that needs nothing else. Stateless. */
public final class MatrixHtml {
    private static final String HEAD =
            """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Stillframe: conformance</title>
            <meta name="viewport" content="width=device-width">
            <style>
            :root { color-scheme: light dark; }
            body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 82rem; padding: 0 1rem; }
            table { border-collapse: collapse; width: 100%; }
            th, td { padding: .3rem .55rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
            thead th { position: sticky; top: 0; background: Canvas; font-size: .8rem; }
            td.mark { text-align: center; white-space: nowrap; font-weight: 600; }
            .ok { background: #2a915033; } .fails { background: #d8962033; } .not-run { opacity: .55; }
            .bad { background: #d0303099; }
            summary { cursor: pointer; } pre { font-size: .8rem; overflow-x: auto; margin: .4rem 0; }
            .remark { font-size: .85rem; margin: .15rem 0; }
            </style></head><body>
            """;

    private MatrixHtml() {}

    /** The page. */
    public static String page(Matrix matrix) {
        StringBuilder html = new StringBuilder(HEAD);
        html.append("<h1>Conformance of userfaultfd write-protection</h1>\n<p>")
                .append(
                        matrix.isAsExpected()
                                ? "All is as expected."
                                : "<b>Not all is as expected.</b>")
                .append(
                        " Green: as the scenario says. Yellow: fails, as history says it must. Red: not as expected.")
                .append(
                        " A row opens to show its lines and remarks.</p>\n<table><thead><tr><th>scenario</th>");
        matrix.backends()
                .forEach(backend -> html.append("<th>").append(backend.label()).append("</th>"));
        html.append("</tr></thead><tbody>\n");
        matrix.scenarios().forEach(scenario -> row(html, matrix, scenario));
        return html.append("</tbody></table></body></html>\n").toString();
    }

    private static void row(StringBuilder html, Matrix matrix, Scenario scenario) {
        html.append("<tr><td><details><summary><b>")
                .append(scenario.id())
                .append("</b> ")
                .append(escape(scenario.title()))
                .append("</summary>");
        for (Backend backend : matrix.backends()) {
            Cell cell = matrix.cell(scenario, backend);
            if (!cell.remark().isEmpty()) {
                html.append("<p class=\"remark\"><b>")
                        .append(backend.label())
                        .append("</b>: ")
                        .append(escape(cell.remark()))
                        .append("</p>");
            }
        }
        html.append("<pre>");
        lines(html, scenario.steps(), "");
        html.append("</pre></details></td>");
        for (Backend backend : matrix.backends()) {
            Cell cell = matrix.cell(scenario, backend);
            html.append("<td class=\"mark ")
                    .append(style(cell))
                    .append("\" title=\"")
                    .append(escape(cell.remark()))
                    .append("\">")
                    .append(cell.mark().equals("-") ? "–" : cell.mark())
                    .append("</td>");
        }
        html.append("</tr>\n");
    }

    private static void lines(StringBuilder html, List<Step> steps, String indent) {
        for (Step step : steps) {
            html.append(indent).append(escape(step.text())).append('\n');
            lines(html, step.body(), indent + "  ");
        }
    }

    private static String style(Cell cell) {
        if (!cell.expected()) {
            return "bad";
        }
        return switch (cell.verdict()) {
            case Verdict.Passed _ -> "ok";
            case Verdict.Failed _ -> "fails";
            case Verdict.NotRun _ -> "not-run";
        };
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
