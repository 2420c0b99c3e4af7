package dev.stillframe.engine.conformance;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Scenarios, and how to run them. Immutable; runs are independent of each other. */
public final class Suite {
    private static final List<String> FILES =
            List.of(
                    "a-core.txt",
                    "b-registration.txt",
                    "c-kernel-access.txt",
                    "d-fork.txt",
                    "e-memory.txt",
                    "f-lifecycle.txt",
                    "g-async.txt",
                    "h-huge.txt");

    private final List<Scenario> scenarios;

    /** A suite of these scenarios. */
    public Suite(List<Scenario> scenarios) {
        this.scenarios = List.copyOf(scenarios);
    }

    /** The scenarios that come with Stillframe. */
    public static Suite builtIn() {
        List<Scenario> all = new ArrayList<>();
        for (String file : FILES) {
            try (InputStream in = Suite.class.getResourceAsStream("scenarios/" + file)) {
                if (in == null) {
                    throw new IllegalStateException("missing resource " + file);
                }
                all.addAll(
                        ScenarioParser.parse(
                                file, new String(in.readAllBytes(), StandardCharsets.UTF_8)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (ScenarioFormatException e) {
                throw new IllegalStateException("a built-in scenario", e);
            }
        }
        return new Suite(all);
    }

    /** All of them, in order. */
    public List<Scenario> scenarios() {
        return scenarios;
    }

    /** Hears of each result as it comes. */
    @FunctionalInterface
    public interface Listener {
        /** {@code done} of {@code all} runs have ended. */
        void ran(Scenario scenario, Backend backend, Verdict verdict, int done, int all);
    }

    /** Runs every scenario on every backend. */
    public Matrix run(List<Backend> backends, Machines machines, Listener listener) {
        Map<Matrix.Key, Verdict> verdicts = new HashMap<>();
        int all = scenarios.size() * backends.size();
        for (Scenario scenario : scenarios) {
            for (Backend backend : backends) {
                Verdict verdict = run(scenario, backend, machines);
                verdicts.put(new Matrix.Key(scenario.id(), backend), verdict);
                listener.ran(scenario, backend, verdict, verdicts.size(), all);
            }
        }
        return new Matrix(scenarios, backends, verdicts);
    }

    private static Verdict run(Scenario scenario, Backend backend, Machines machines) {
        if (backend.isModel() && !scenario.kernelOnly().isEmpty()) {
            return new Verdict.NotRun("kernel only: " + scenario.kernelOnly());
        }
        try (Machine machine = machines.start(backend)) {
            if (scenario.needsZeroPage() && !machine.mapsZeroPage()) {
                return new Verdict.NotRun(
                        "needs a kernel that maps the zero page where a hole is read; this one gives memory");
            }
            return new ScenarioRun(scenario, backend, machine).run();
        } catch (Machine.Unsupported e) {
            return new Verdict.NotRun(String.valueOf(e.getMessage()));
        } catch (UncheckedIOException e) {
            return new Verdict.Failed(scenario.line(), "", "the machine broke: " + e.getMessage());
        } catch (Machine.Hang e) {
            return new Verdict.Failed(
                    scenario.line(), "", "when its processes were ended: " + e.getMessage());
        }
    }

    /** Where machines come from. */
    @FunctionalInterface
    public interface Machines {
        /**
         * A new machine.
         *
         * @throws Machine.Unsupported if there can be none here
         */
        Machine start(Backend backend);
    }
}
