package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.ThrottledSink;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a writer that keeps its own time suffers from the command as shipped: flat out, and with
 * writes that are due at a rate.
 */
final class SlowedBench {
    private static final int TURNS = Integer.getInteger("stillframe.bench.turns", 5);
    private static final int WRITES_PER_SECOND = 10_000;

    private static final int SLOW_SINK_MEBIBYTES = 256;
    private static final long SLOW_SINK_STAGING_BYTES = 64L << 20;
    private static final long SLOW_SINK_BYTES_PER_SECOND = 20_000_000;

    /** The writer's own rate is found in it. */
    private static final Duration UNDISTURBED = Duration.ofSeconds(2);

    private SlowedBench() {}

    static void measure(Figures figures) throws Exception {
        Tool.run(List.of(LatencyBench.COMMAND.toString(), "--version")); // builds it
        measure(figures, 1024, 0);
        measure(figures, 4096, 0);
        measure(figures, 1024, WRITES_PER_SECOND);
        measureSlowSink(figures);
    }

    /** A sink that takes far less than is written, and little staging: what one write waits. */
    private static void measureSlowSink(Figures figures) throws Exception {
        List<Double> longest = new ArrayList<>();
        List<Double> p999 = new ArrayList<>();
        try (TargetProcess writer =
                TargetProcess.startNative("pace", List.of("--mib", "" + SLOW_SINK_MEBIBYTES))) {
            writer.awaitReady();
            for (int turn = 0; turn < TURNS; turn++) {
                Thread.sleep(UNDISTURBED);
                writer.writeLine("mark");
                SnapshotReport report =
                        Snapshots.take(
                                writer.pid(),
                                new ThrottledSink(new DiscardingSink(), SLOW_SINK_BYTES_PER_SECOND),
                                SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors())
                                        .withInstant(InstantChoice.START)
                                        .withStagingBytes(SLOW_SINK_STAGING_BYTES)
                                        .withStallTimeout(Duration.ofMinutes(5)),
                                Progress.NONE);
                writer.writeLine("report");
                String waits = writer.awaitLine("report");
                System.out.printf("slow sink: %s; %s%n", waits, report.times());
                longest.add(figure(waits, "longest_us") / 1000);
                p999.add(figure(waits, "p999_us") / 1000);
            }
        }
        figures.addAll("slow_sink_longest_ms", longest);
        figures.addAll("slow_sink_p999_ms", p999);
    }

    private static void measure(Figures figures, int sizeMebibytes, int rate) throws Exception {
        Map<String, List<Double>> found = new LinkedHashMap<>();
        Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "stillframe-slowed-");
        try (TargetProcess writer =
                TargetProcess.startNative(
                        "pace", List.of("--mib", "" + sizeMebibytes, "--rate", "" + rate))) {
            writer.awaitReady();
            for (int turn = 0; turn < TURNS; turn++) {
                for (String instant : List.of("auto", "start")) {
                    String name =
                            "%d_mib_%s_%s"
                                    .formatted(
                                            sizeMebibytes,
                                            rate == 0 ? "flat_out" : "at_rate",
                                            instant);
                    turn(writer, directory.resolve("image"), instant)
                            .forEach(
                                    (figure, value) ->
                                            found.computeIfAbsent(
                                                            name + "_" + figure,
                                                            any -> new ArrayList<>())
                                                    .add(value));
                }
            }
        } finally {
            DirectoryTree.delete(directory);
        }
        found.forEach(figures::addAll);
    }

    private static Map<String, Double> turn(TargetProcess writer, Path image, String instant)
            throws Exception {
        Thread.sleep(UNDISTURBED);
        writer.writeLine("mark");
        JsonNode facts = snapshot(writer.pid(), image, instant);
        Thread.sleep(Duration.ofSeconds(1)); // what is left behind belongs to it
        writer.writeLine("report");
        String report = writer.awaitLine("report");
        System.out.printf("%s: %s; %s%n", instant, report, facts);
        DirectoryTree.delete(image);
        Map<String, Double> figures = new LinkedHashMap<>();
        figures.put("under_half_ms", figure(report, "slow_ms"));
        figures.put("longest_ms", figure(report, "longest_us") / 1000);
        figures.put("p99_ms", figure(report, "p99_us") / 1000);
        figures.put("p999_ms", figure(report, "p999_us") / 1000);
        figures.put("at_end", facts.get("instant").asText().equals("end") ? 1.0 : 0.0);
        figures.put("pause_ms", facts.get("pause_ms").asDouble());
        figures.put("fault_p50_us", facts.get("fault_p50_us").asDouble());
        return figures;
    }

    private static JsonNode snapshot(int pid, Path image, String instant)
            throws IOException, InterruptedException {
        String printed =
                Tool.run(
                        List.of(
                                LatencyBench.COMMAND.toString(),
                                "snapshot",
                                "--json",
                                "--instant",
                                instant,
                                "--pid",
                                Integer.toString(pid),
                                "--out",
                                image.toString()));
        return Json.MAPPER.readTree(printed.substring(printed.indexOf('{')));
    }

    private static double figure(String report, String name) {
        for (String each : report.split(" ", -1)) {
            if (each.startsWith(name + "=")) {
                return Double.parseDouble(each.substring(name.length() + 1));
            }
        }
        throw new IllegalArgumentException("no " + name + " in: " + report);
    }
}
