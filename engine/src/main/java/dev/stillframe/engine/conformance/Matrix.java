package dev.stillframe.engine.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What came of a suite: scenarios by backends. Immutable. */
public final class Matrix {
    private final List<Scenario> scenarios;
    private final List<Backend> backends;
    private final Map<Key, Verdict> verdicts;

    /** A field of the matrix. */
    record Key(String scenario, Backend backend) {}

    /**
     * A result, judged.
     *
     * @param expected whether it is what the scenario says of this backend
     * @param remark why it failed or was not run; empty if it passed
     */
    public record Cell(
            Scenario scenario, Backend backend, Verdict verdict, boolean expected, String remark) {
        /** One word for tables: ok, fails (as it must), FAIL, PASS (as it must not), or a dash. */
        public String mark() {
            return switch (verdict) {
                case Verdict.Passed _ -> expected ? "ok" : "PASS";
                case Verdict.Failed _ -> expected ? "fails" : "FAIL";
                case Verdict.NotRun _ -> "-";
            };
        }
    }

    Matrix(List<Scenario> scenarios, List<Backend> backends, Map<Key, Verdict> verdicts) {
        this.scenarios = List.copyOf(scenarios);
        this.backends = List.copyOf(backends);
        this.verdicts = Map.copyOf(verdicts);
    }

    /** The rows. */
    public List<Scenario> scenarios() {
        return scenarios;
    }

    /** The columns. */
    public List<Backend> backends() {
        return backends;
    }

    /** A field. */
    public Cell cell(Scenario scenario, Backend backend) {
        Verdict verdict = verdicts.get(new Key(scenario.id(), backend));
        if (verdict == null) {
            throw new IllegalArgumentException(
                    "not in this matrix: " + scenario.id() + " on " + backend);
        }
        String reason =
                scenario.failsUnder().entrySet().stream()
                        .filter(entry -> backend.isCalled(entry.getKey()))
                        .map(Map.Entry::getValue)
                        .findFirst()
                        .orElse("");
        boolean mustFail = !reason.isEmpty();
        return switch (verdict) {
            case Verdict.Passed _ ->
                    new Cell(
                            scenario,
                            backend,
                            verdict,
                            !mustFail,
                            mustFail ? "must fail: " + reason : "");
            case Verdict.Failed(int line, String step, String why) -> {
                String seen = "%s:%d: %s: %s".formatted(scenario.file(), line, step, why);
                yield new Cell(
                        scenario,
                        backend,
                        verdict,
                        mustFail,
                        mustFail ? reason + " (" + seen + ")" : seen);
            }
            case Verdict.NotRun(String why) -> new Cell(scenario, backend, verdict, true, why);
        };
    }

    /** All fields, row by row. */
    public List<Cell> cells() {
        List<Cell> cells = new ArrayList<>();
        for (Scenario scenario : scenarios) {
            for (Backend backend : backends) {
                cells.add(cell(scenario, backend));
            }
        }
        return cells;
    }

    /**
     * Scenarios that the kernel and the rule of today's kernels both ran, and one of them failed:
     * the model is wrong, or something is to be learned about the kernel.
     */
    public List<Scenario> disagreements() {
        if (!backends.containsAll(List.of(Backend.KERNEL, Backend.MODERN))) {
            return List.of();
        }
        return scenarios.stream()
                .filter(
                        scenario -> {
                            Verdict kernel = cell(scenario, Backend.KERNEL).verdict();
                            Verdict model = cell(scenario, Backend.MODERN).verdict();
                            boolean bothRan =
                                    !(kernel instanceof Verdict.NotRun)
                                            && !(model instanceof Verdict.NotRun);
                            return bothRan
                                    && kernel instanceof Verdict.Passed
                                            != model instanceof Verdict.Passed;
                        })
                .toList();
    }

    /** Whether anything was run at all. */
    public boolean hasRun() {
        return verdicts.values().stream().anyMatch(verdict -> !(verdict instanceof Verdict.NotRun));
    }

    /**
     * Whether every result is what the scenarios say, and the kernel agrees with the rule that is
     * its own; if nothing was run, it is not.
     */
    public boolean isAsExpected() {
        return hasRun() && disagreements().isEmpty() && cells().stream().allMatch(Cell::expected);
    }
}
