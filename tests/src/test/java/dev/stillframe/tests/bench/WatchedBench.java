package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.document.Json;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.Launcher;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What the images of a watched Redis cost, by the command as shipped: the first, and those after it
 * when a hundredth of the memory was written in between.
 */
final class WatchedBench {
    private static final int IMAGES = Integer.getInteger("stillframe.bench.turns", 6);
    private static final int KEYS =
            Boolean.getBoolean("stillframe.bench.short") ? 1_000_000 : 3_400_000;

    /** As many values as there are pages in a hundredth; each lies in a page of its own. */
    private static final int WRITTEN = KEYS / 680;

    /** Long enough for the first image, and to write. */
    private static final Duration EVERY = Duration.ofSeconds(30);

    private WatchedBench() {}

    static void measure(Figures figures) throws Exception {
        Subject subject = new Subject.Redis(KEYS, 1);
        Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "stillframe-watched-");
        Path socket = directory.resolve("s");
        try (TargetProcess server = TargetProcess.start(subject.command(socket, directory))) {
            Signals.await("a server that listens", () -> LatencyBench.listens(socket));
            OpenLoop.fill(subject, socket);
            System.out.printf(
                    "%d MB resident%n", new ProcessFacts(server.pid()).kibibytes("Rss") / 1000);
            watch(subject, server, socket, directory).showIn(figures);
        } finally {
            DirectoryTree.delete(directory);
        }
    }

    private static Samples watch(Subject subject, TargetProcess server, Path socket, Path directory)
            throws Exception {
        Samples found = new Samples();
        SplittableRandom random = new SplittableRandom(1);
        List<String> command =
                List.of(
                        Launcher.PATH.toString(),
                        "watch",
                        "--json",
                        "--pid",
                        Integer.toString(server.pid()),
                        "--every",
                        EVERY.toSeconds() + "s",
                        "--times",
                        Integer.toString(IMAGES),
                        "--out",
                        directory.resolve("images").toString());
        try (TargetProcess watch = TargetProcess.start(command)) {
            double before = 0;
            for (int image = 0; image < IMAGES; image++) {
                JsonNode facts = Json.MAPPER.readTree(watch.awaitLine("\"image\""));
                double cpu = new ProcessFacts(watch.pid()).cpuSeconds();
                String name = image == 0 ? "first_" : "next_";
                found.add(name + "total_ms", facts.get("total_ms").asDouble());
                found.add(name + "cpu_s", cpu - before);
                found.add(name + "pages_read", facts.get("pages").asDouble());
                found.add(name + "pause_ms", facts.get("pause_ms").asDouble());
                System.out.printf("image %d: %.2f CPU seconds, %s%n", image, cpu - before, facts);
                before = cpu;
                OpenLoop.write(subject, socket, random.ints(WRITTEN, 0, subject.keys()).iterator());
            }
            watch.awaitExit();
        }
        return found;
    }
}
