package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.Launcher;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How long a process that writes at a fixed rate is paused, by the command as shipped. */
final class RoundPauses {
    private static final int TURNS = Integer.getInteger("stillframe.bench.turns", 10);
    private static final long GIB = 1L << 30;
    private static final long WRITES_PER_SECOND = 10_000;

    private RoundPauses() {}

    static void measure(Figures figures) throws Exception {
        measure(figures, GIB, "1gib");
        measure(figures, 4 * GIB, "4gib");
    }

    private static void measure(Figures figures, long sizeBytes, String name) throws Exception {
        List<Double> pauses = new ArrayList<>();
        List<Double> predicted = new ArrayList<>();
        List<Double> totals = new ArrayList<>();
        Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "stillframe-pauses-");
        try (OracleTarget target =
                OracleTarget.start(
                        Settings.of("anon", sizeBytes, 1).withRate(WRITES_PER_SECOND), 1)) {
            for (int turn = 0; turn < TURNS; turn++) {
                Path image = directory.resolve("image");
                JsonNode facts = Launcher.snapshot(target.pid(), image);
                DirectoryTree.delete(image);
                System.out.printf("%s, turn %d: %s%n", name, turn, facts);
                if (facts.get("instant").asText().equals("end")) {
                    pauses.add(facts.get("pause_ms").asDouble());
                    predicted.add(facts.get("predicted_pause_ms").asDouble());
                    totals.add(facts.get("total_ms").asDouble());
                }
            }
        } finally {
            DirectoryTree.delete(directory);
        }
        figures.add("at_end_" + name, (double) pauses.size() / TURNS);
        figures.addAll("pause_ms_" + name, pauses);
        figures.addAll("predicted_pause_ms_" + name, predicted);
        figures.addAll("total_ms_" + name, totals);
    }
}
