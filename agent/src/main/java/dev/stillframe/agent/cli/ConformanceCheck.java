package dev.stillframe.agent.cli;

import dev.stillframe.engine.conformance.Backend;
import dev.stillframe.engine.conformance.Matrix;
import dev.stillframe.engine.conformance.MatrixHtml;
import dev.stillframe.engine.conformance.MatrixText;
import dev.stillframe.engine.conformance.Scenario;
import dev.stillframe.engine.conformance.ScenarioFormatException;
import dev.stillframe.engine.conformance.ScenarioParser;
import dev.stillframe.engine.conformance.Suite;
import dev.stillframe.engine.conformance.backend.LocalMachines;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code stillframe doctor --conformance} and its options. */
final class ConformanceCheck {
    @Option(
            names = "--conformance",
            required = true,
            description =
                    "Instead, run scenarios of userfaultfd write-protection on this kernel, and on"
                            + " a model of it under each rule of copy-on-write that Linux had. Only"
                            + " processes made for it are touched.")
    private boolean asked;

    @Option(
            names = "--scenario",
            paramLabel = "FILE",
            description = "Run the scenarios of this file, not the built-in ones; can be repeated.")
    private List<Path> files = new ArrayList<>();

    @Option(
            names = "--only",
            paramLabel = "ID",
            description = "Of these scenarios only the one of this name; can be repeated.")
    private List<String> only = new ArrayList<>();

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            converter = BackendName.class,
            description =
                    "Only this: kernel, model (under all rules), or one rule: PRE, FORCED_WRITE,"
                            + " V2, V3, PAGECOUNT, MODERN; can be repeated.")
    private List<Selection> chosen = new ArrayList<>();

    @Option(
            names = "--html",
            paramLabel = "FILE",
            description = "Also write the results to this file, as a page for a browser.")
    private @Nullable Path html;

    /** The backends of a name. */
    record Selection(List<Backend> backends) {}

    /** Reads {@code --backend}. */
    static final class BackendName implements ITypeConverter<Selection> {
        @Override
        public Selection convert(String name) {
            return new Selection(
                    Backend.named(name)
                            .orElseThrow(
                                    () ->
                                            new TypeConversionException(
                                                    "expected kernel, model or a rule such as"
                                                            + " MODERN, not '"
                                                            + name
                                                            + "'")));
        }
    }

    /** What JSON shows. */
    record Facts(boolean asExpected, List<CellFacts> results) {}

    /** A field of the matrix; {@code result} is ok, fails (as it must), FAIL, PASS or -. */
    record CellFacts(
            String scenario,
            String title,
            String backend,
            String result,
            boolean expected,
            String remark) {
        static CellFacts of(Matrix.Cell cell) {
            return new CellFacts(
                    cell.scenario().id(),
                    cell.scenario().title(),
                    cell.backend().label(),
                    cell.mark(),
                    cell.expected(),
                    cell.remark());
        }
    }

    int run(Output output) throws IOException, Failure {
        if (!asked) {
            throw new IllegalStateException("not asked for");
        }
        List<Scenario> known = files.isEmpty() ? Suite.builtIn().scenarios() : read(files);
        Suite suite = new Suite(only.isEmpty() ? known : named(known, only));
        List<Backend> backends =
                Arrays.stream(Backend.values())
                        .filter(
                                each ->
                                        chosen.isEmpty()
                                                || chosen.stream()
                                                        .anyMatch(
                                                                some ->
                                                                        some.backends()
                                                                                .contains(each)))
                        .toList();
        Matrix matrix =
                suite.run(
                        backends,
                        new LocalMachines(Clock.SYSTEM),
                        (scenario, on, verdict, done, all) -> {
                            if (output.isVerbose()) {
                                output.note(
                                        "%d/%d %s %s: %s"
                                                .formatted(
                                                        done,
                                                        all,
                                                        scenario.id(),
                                                        on.label(),
                                                        verdict));
                            }
                        });
        if (html != null) {
            Files.writeString(html, MatrixHtml.page(matrix));
        }
        List<CellFacts> results = matrix.cells().stream().map(CellFacts::of).toList();
        output.facts(new Facts(matrix.isAsExpected(), results), MatrixText.lines(matrix));
        return matrix.isAsExpected() ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static List<Scenario> named(List<Scenario> all, List<String> ids) throws Failure {
        for (String id : ids) {
            if (all.stream().noneMatch(each -> each.id().equals(id))) {
                throw new Failure(
                        "there is no scenario %s; there are %s"
                                .formatted(
                                        id,
                                        all.stream()
                                                .map(Scenario::id)
                                                .collect(Collectors.joining(", "))));
            }
        }
        return all.stream().filter(each -> ids.contains(each.id())).toList();
    }

    private static List<Scenario> read(List<Path> files) throws IOException, Failure {
        List<Scenario> scenarios = new ArrayList<>();
        for (Path file : files) {
            try {
                for (Scenario scenario :
                        ScenarioParser.parse(file.toString(), Files.readString(file))) {
                    if (scenarios.stream().anyMatch(each -> each.id().equals(scenario.id()))) {
                        throw new Failure(
                                "%s:%d: expected another id: %s is in another file too"
                                        .formatted(file, scenario.line(), scenario.id()));
                    }
                    scenarios.add(scenario);
                }
            } catch (ScenarioFormatException e) {
                throw new Failure(Failure.describe(e), e);
            }
        }
        return scenarios;
    }
}
