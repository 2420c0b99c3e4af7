package dev.stillframe.agent.cli;

import dev.stillframe.agent.demo.ArenaDemo;
import dev.stillframe.agent.demo.Demo;
import dev.stillframe.agent.demo.Pattern;
import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.doctor.Readiness.Status;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.agent.metrics.Metrics;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code stillframe demo}. */
@Command(
        name = "demo",
        description = {
            "See it work: take an image of a busy process over a connection, and prove the image"
                    + " right.",
            "",
            "Starts a process that writes its memory all the time, in an order that can be"
                    + " computed; takes its image through a receiver on a loopback port; then computes"
                    + " what every byte must have been at that instant. Takes some seconds, needs about"
                    + " three times --memory on disk and in memory together, and leaves nothing behind.",
            "",
            "Where the kernel or the privileges do not allow that, it says why and what to do, and"
                    + " shows an arena of a Java program instead, which needs neither."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe demo",
            "  stillframe demo --memory 1G --threads 4"
        })
final class DemoCommand implements Callable<Integer> {
    private static final long MEMORY_MAX_BYTES = 64L << 30;

    private final Parts parts;

    @Spec private @Nullable CommandSpec spec;
    @Mixin private Output output = new Output();

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "256M",
            description = "Memory that the process writes (default: ${DEFAULT-VALUE}).")
    private ByteSize memory = new ByteSize(0);

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "2",
            description = "Threads that write, 1 to 64 (default: ${DEFAULT-VALUE}).")
    private int threads;

    @Option(
            names = "--rate",
            paramLabel = "N",
            defaultValue = "100000",
            description =
                    "Pages a second that each thread writes (default: ${DEFAULT-VALUE}); 0 for as"
                            + " many as it can.")
    private long stepsPerSecond;

    DemoCommand(Parts parts) {
        this.parts = parts;
    }

    /** What JSON shows: the snapshot, and what the demonstration measured. */
    record Facts(
            boolean verified,
            String memory,
            long memoryBytes,
            double slowedMs,
            double pagesPerSecondBefore,
            double pagesPerSecondAfter,
            List<Long> steps,
            SnapshotFacts snapshot) {}

    @Override
    public Integer call() throws Exception {
        Pattern pattern = pattern();
        MeterRegistry registry = Metrics.create();
        List<Finding> inTheWay =
                parts.readiness().get().stream()
                        .filter(finding -> finding.status() == Status.FAIL)
                        .toList();
        if (!inTheWay.isEmpty()) {
            return callWithoutTheKernel(pattern, inTheWay, registry);
        }
        SnapshotOptions options =
                SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors());
        Demo demo = new Demo(parts, pattern, stepsPerSecond);
        Demo.Result result;
        if (ProgressDisplay.isTerminal()) {
            try (ProgressDisplay display = ProgressDisplay.show("demo")) {
                result = demo.run(new SnapshotTaker.Setting(options, registry, display));
            }
        } else {
            result = demo.run(new SnapshotTaker.Setting(options, registry, Progress.NONE));
        }
        output.facts(facts(result), lines(result));
        if (output.isVerbose()) {
            Metrics.describe(registry).forEach(output::note);
        }
        return ExitCode.DONE;
    }

    private Pattern pattern() {
        boolean possible =
                threads >= 1
                        && threads <= 64
                        && memory.bytes() <= MEMORY_MAX_BYTES
                        && stepsPerSecond >= 0;
        if (!possible && spec != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "1 to 64 threads, at most 64G of memory and no negative rate are possible");
        }
        return Pattern.fitting(memory.bytes(), threads);
    }

    /** What JSON shows where processes cannot be captured. */
    record ArenaFacts(
            boolean verified,
            List<Finding> inTheWay,
            long memoryBytes,
            List<Long> steps,
            ArenaReport snapshot) {}

    private int callWithoutTheKernel(
            Pattern pattern, List<Finding> inTheWay, MeterRegistry registry) throws Exception {
        ArenaDemo.Result result = new ArenaDemo(parts, pattern, stepsPerSecond).run(registry);
        ArenaReport report = result.report();
        List<String> lines = new ArrayList<>();
        lines.add("Processes cannot be captured here:");
        inTheWay.forEach(
                each ->
                        lines.add(
                                "  %s: %s; to do: %s"
                                        .formatted(each.name(), each.found(), each.remedy())));
        lines.add("What needs no kernel is an arena of a Java program; this was one:");
        lines.addAll(
                new Rows()
                        .add(
                                "arena",
                                "%d threads over %s"
                                        .formatted(threads, Units.bytes(result.sizeBytes())))
                        .add(
                                "held",
                                "nobody: T0 came "
                                        + Units.time(report.armNanos())
                                        + " after the call")
                        .add(
                                "saved",
                                Units.count(report.firstWrites())
                                        + " pages by their writers, before the first write")
                        .add(
                                "captured",
                                Units.bytes(result.sizeBytes())
                                        + " in "
                                        + Units.time(report.captureNanos()))
                        .add("received", "and on disk after " + Units.time(report.totalNanos()))
                        .add("verified", "yes: every hash, and every byte is that of one instant")
                        .lines());
        output.facts(
                new ArenaFacts(true, inTheWay, result.sizeBytes(), result.steps(), report), lines);
        return ExitCode.DONE;
    }

    private static Facts facts(Demo.Result result) {
        return new Facts(
                true, // anything else was thrown
                result.memory().toString(),
                result.memory().sizeBytes(),
                Units.millis(result.slowedNanos()),
                Math.rint(result.rateBefore()),
                Math.rint(result.rateAfter()),
                result.steps(),
                SnapshotFacts.of(0, result.report()));
    }

    private static String throughput(SnapshotReport report) {
        String bytes = Units.bytes(report.captured().bytes());
        String copied =
                report.course().atEnd()
                        ? bytes + " copied in rounds"
                        : "%s copied in %s, %s"
                                .formatted(
                                        bytes,
                                        Units.time(report.times().captureNanos()),
                                        Units.rate(
                                                report.captured().bytes(),
                                                report.times().captureNanos()));
        return copied + "; received and on disk after " + Units.time(report.times().totalNanos());
    }

    private List<String> lines(Demo.Result result) {
        SnapshotReport report = result.report();
        long steps = result.steps().stream().mapToLong(Long::longValue).sum();
        String faults =
                "%s, answered in %s (median), %s (99%%)"
                        .formatted(
                                Units.count(report.waits().faults()),
                                Units.time(report.waits().faultP50Nanos()),
                                Units.time(report.waits().faultP99Nanos()));
        return new Rows()
                .add(
                        "writer",
                        "%d threads over %s, %s pages written a second"
                                .formatted(
                                        threads,
                                        Units.bytes(result.memory().sizeBytes()),
                                        Units.count(Math.round(result.rateBefore()))))
                .add(
                        "captured",
                        Units.bytes(report.captured().bytes())
                                + " in "
                                + Units.count(report.captured().pages())
                                + " pages")
                .add("instant", SnapshotFacts.instant(report.course()))
                .add("paused", Units.time(report.times().pauseNanos()))
                .add("slowed", Units.time(result.slowedNanos()) + " under half of its rate before")
                .add("throughput", throughput(report))
                .add("faults", report.waits().faults() == 0 ? "none" : faults)
                .add(
                        "missing",
                        report.missing().isEmpty()
                                ? "nothing"
                                : report.missing().size() + " ranges")
                .add(
                        "verified",
                        "yes: every hash, and every byte of the writer's memory is that of one"
                                + " instant, after "
                                + Units.count(steps)
                                + " pages written")
                .lines();
    }
}
