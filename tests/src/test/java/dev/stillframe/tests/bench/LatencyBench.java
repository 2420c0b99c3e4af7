package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.tests.bench.OpenLoop.Waits;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.Launcher;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the clients of a server wait for while it is captured, by the command as shipped with its
 * default options, in turns with the alternatives, and with nothing. The clients' requests are due
 * at a fixed rate ({@link OpenLoop}).
 */
final class LatencyBench {
    private static final int TURNS = Integer.getInteger("stillframe.bench.turns", 3);

    /** Some 600 MB with all that a server keeps beside the values. */
    private static final int KEYS = 1_000_000;

    /** Some 2 GB. */
    private static final int MANY_KEYS = 3_400_000;

    /** How long a turn is watched at least: what an action leaves behind belongs to it. */
    private static final Duration TURN =
            Boolean.getBoolean("stillframe.bench.short")
                    ? Duration.ofSeconds(1)
                    : Duration.ofSeconds(10);

    /** One that is slower than its load never catches up. */
    private static final Duration CATCHING_UP = Duration.ofMinutes(1);

    private LatencyBench() {}

    /** What is done to the server in a turn. */
    @FunctionalInterface
    private interface Action {
        /** Does it, and returns when it is over; figures of its own, by name. */
        Map<String, Double> run(Server server) throws Exception;
    }

    private record Server(TargetProcess process, Path socket, Path directory) {
        String redis(String... words) throws IOException, InterruptedException {
            List<String> command = new ArrayList<>(List.of("redis-cli", "-s", socket.toString()));
            command.addAll(List.of(words));
            return Tool.run(command);
        }
    }

    static void measure(Figures figures) throws Exception {
        Launcher.prepare();
        measure(figures, new Subject.Redis(KEYS, 10_000));
        if (Boolean.getBoolean("stillframe.bench.full")) {
            measure(figures, new Subject.Redis(KEYS, 20_000));
            measure(figures, new Subject.Redis(MANY_KEYS, 10_000));
            measure(figures, new Subject.Memcached(KEYS, 10_000));
            measure(figures, new Subject.Jvm(KEYS, 10_000));
        }
    }

    private static void measure(Figures figures, Subject subject) throws Exception {
        Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "stillframe-latency-");
        Path socket = directory.resolve("s");
        try (TargetProcess process = TargetProcess.start(subject.command(socket, directory))) {
            Signals.await("a server that listens", () -> listens(socket));
            OpenLoop.fill(subject, socket);
            System.out.printf(
                    "%s: %d MB resident%n",
                    subject.name(), new ProcessFacts(process.pid()).kibibytes("Rss") / 1000);
            try (OpenLoop load = new OpenLoop(subject, socket)) {
                turns(figures, subject, new Server(process, socket, directory), load);
            }
        } finally {
            DirectoryTree.delete(directory);
        }
    }

    static boolean listens(Path socket) {
        try (SocketChannel _ = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static Map<String, Action> actions(Subject subject) {
        Map<String, Action> actions = new LinkedHashMap<>();
        actions.put("nothing", server -> Map.of());
        actions.put("stillframe", server -> snapshot(server, "auto"));
        switch (subject) {
            case Subject.Redis _ -> actions.put("bgsave", LatencyBench::backgroundSave);
            case Subject.Memcached _, Subject.Jvm _ -> {} // they have no image of their own
        }
        actions.put("gcore", LatencyBench::core);
        actions.put("stillframe_start", server -> snapshot(server, "start"));
        return actions;
    }

    private static void turns(Figures figures, Subject subject, Server server, OpenLoop load)
            throws Exception {
        Map<String, Action> actions = actions(subject);
        Samples found = new Samples();
        Thread.sleep(TURN); // the server and the compiler of this JVM settle
        for (int turn = 0; turn < TURNS; turn++) {
            for (Map.Entry<String, Action> action : actions.entrySet()) {
                load.take();
                long start = System.nanoTime();
                Map<String, Double> own = action.getValue().run(server);
                double took = (System.nanoTime() - start) / 1e9;
                awaitEnd(load, start);
                Waits waits = load.take();
                System.out.printf(
                        Locale.ROOT,
                        "%s, turn %d, %s: %.1f s, %s %s%n",
                        subject.name(),
                        turn,
                        action.getKey(),
                        took,
                        waits,
                        own);
                String prefix = subject.name() + "_" + action.getKey();
                found.add(prefix + "_p50_ms", waits.p50Millis());
                found.add(prefix + "_p99_ms", waits.p99Millis());
                found.add(prefix + "_p999_ms", waits.p999Millis());
                found.add(prefix + "_longest_ms", waits.maxMillis());
                found.add(prefix + "_slow_s", waits.slowSeconds());
                found.add(prefix + "_took_s", took);
                own.forEach((figure, value) -> found.add(prefix + "_" + figure, value));
            }
        }
        found.showIn(figures);
    }

    /** What the server owes then would count for the next turn. */
    private static void awaitEnd(OpenLoop load, long startNanos) throws InterruptedException {
        long passedNanos = System.nanoTime() - startNanos;
        Thread.sleep(TURN.minusNanos(Math.min(TURN.toNanos(), passedNanos)).plusSeconds(1));
        for (int look = 0; look < CATCHING_UP.toSeconds() && load.isBehind(); look++) {
            Thread.sleep(Duration.ofSeconds(1));
        }
    }

    private static Map<String, Double> snapshot(Server server, String instant) throws Exception {
        Path image = server.directory().resolve("image");
        JsonNode facts = Launcher.snapshot(server.process().pid(), image, "--instant", instant);
        DirectoryTree.delete(image);
        if (!facts.get("complete").booleanValue()) {
            throw new IOException("the image is incomplete: " + facts.get("missing"));
        }
        return Map.of(
                "at_end", // 1 where the instant is at the end of the rounds
                facts.get("instant").textValue().equals("end") ? 1.0 : 0.0,
                "rounds",
                facts.get("rounds").doubleValue(),
                "pause_ms",
                facts.get("pause_ms").doubleValue(),
                "fault_p50_us",
                facts.get("fault_p50_us").doubleValue());
    }

    private static Map<String, Double> backgroundSave(Server server) throws Exception {
        server.redis("bgsave");
        while (server.redis("info", "persistence").contains("rdb_bgsave_in_progress:1")) {
            Thread.sleep(Duration.ofMillis(200));
        }
        Files.delete(server.directory().resolve("dump.rdb"));
        return Map.of();
    }

    private static Map<String, Double> core(Server server) throws Exception {
        Path core = server.directory().resolve("core");
        Tool.run(List.of("gcore", "-o", core.toString(), String.valueOf(server.process().pid())));
        Files.delete(server.directory().resolve("core." + server.process().pid()));
        return Map.of();
    }
}
