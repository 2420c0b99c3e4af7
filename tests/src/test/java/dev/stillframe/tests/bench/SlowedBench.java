package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.ThrottledSink;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.Launcher;
import dev.stillframe.tests.target.TargetProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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
        Launcher.prepare();
        measure(figures, 1024, 0);
        measure(figures, 4096, 0);
        measure(figures, 1024, WRITES_PER_SECOND);
        measureSlowSink(figures);
    }

    /** A sink that takes far less than is written, and little staging: what one write waits. */
    private static void measureSlowSink(Figures figures) throws Exception {
        Samples found = new Samples();
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
                Map<String, Long> waits = writer.awaitFacts("report");
                System.out.printf("slow sink: %s; %s%n", waits, report.times());
                found.add("slow_sink_longest_ms", millis(waits, "longest_us"));
                found.add("slow_sink_p999_ms", millis(waits, "p999_us"));
            }
        }
        found.showIn(figures);
    }

    private static void measure(Figures figures, int sizeMebibytes, int rate) throws Exception {
        Samples found = new Samples();
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
                    turn(writer, directory.resolve("image"), instant, name, found);
                }
            }
        } finally {
            DirectoryTree.delete(directory);
        }
        found.showIn(figures);
    }

    private static void turn(
            TargetProcess writer, Path image, String instant, String name, Samples found)
            throws Exception {
        Thread.sleep(UNDISTURBED);
        writer.writeLine("mark");
        JsonNode facts = Launcher.snapshot(writer.pid(), image, "--instant", instant);
        Thread.sleep(Duration.ofSeconds(1)); // what is left behind belongs to it
        writer.writeLine("report");
        Map<String, Long> waits = writer.awaitFacts("report");
        System.out.printf("%s: %s; %s%n", instant, waits, facts);
        DirectoryTree.delete(image);
        found.add(name + "_under_half_ms", waits.getOrDefault("slow_ms", 0L));
        found.add(name + "_longest_ms", millis(waits, "longest_us"));
        found.add(name + "_p99_ms", millis(waits, "p99_us"));
        found.add(name + "_p999_ms", millis(waits, "p999_us"));
        found.add(name + "_at_end", facts.get("instant").asText().equals("end") ? 1 : 0);
        found.add(name + "_pause_ms", facts.get("pause_ms").asDouble());
        found.add(name + "_fault_p50_us", facts.get("fault_p50_us").asDouble());
    }

    private static double millis(Map<String, Long> report, String micros) {
        return report.getOrDefault(micros, 0L) / 1000.0;
    }
}
