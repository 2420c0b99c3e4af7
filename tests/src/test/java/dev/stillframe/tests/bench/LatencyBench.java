package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.document.Json;
import dev.stillframe.tests.bench.OpenLoop.Waits;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the clients of a Redis server wait for while it is captured, by the command as shipped with
 * its default options, in turns with its own BGSAVE, with gcore, and with nothing. The clients'
 * requests are due at a fixed rate ({@link OpenLoop}).
 */
final class LatencyBench {
    private static final int TURNS = Integer.getInteger("stillframe.bench.turns", 3);
    private static final int VALUE_BYTES = 512;

    /** How long a turn is watched at least: what an action leaves behind belongs to it. */
    private static final Duration TURN = Duration.ofSeconds(10);

    private static final Path COMMAND =
            Path.of(System.getProperty("basedir"), "..", "agent", "bin", "stillframe").normalize();

    private LatencyBench() {}

    /** What is done to the server in a turn. */
    @FunctionalInterface
    private interface Action {
        /** Does it, and returns when it is over; figures of its own, by name. */
        Map<String, Double> run(Server server) throws Exception;
    }

    private record Server(TargetProcess process, Path socket, Path directory) {
        String cli(String... words) throws IOException, InterruptedException {
            List<String> command = new ArrayList<>(List.of("redis-cli", "-s", socket.toString()));
            command.addAll(List.of(words));
            return Tool.run(command);
        }
    }

    static void measure(Figures figures) throws Exception {
        Tool.run(List.of(COMMAND.toString(), "--version")); // builds it, and has it learn
        redis(figures, 1_000_000, 10_000);
        if (!Boolean.getBoolean("stillframe.bench.short")) {
            redis(figures, 1_000_000, 20_000);
            redis(figures, 3_400_000, 10_000);
        }
    }

    private static void redis(Figures figures, int keys, int requestsPerSecond) throws Exception {
        Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "stillframe-latency-");
        Path socket = directory.resolve("s");
        List<String> server =
                List.of(
                        "redis-server",
                        "--port",
                        "0",
                        "--unixsocket",
                        socket.toString(),
                        "--save",
                        "",
                        "--dir",
                        directory.toString(),
                        "--enable-debug-command",
                        "local");
        try (TargetProcess process = TargetProcess.start(server)) {
            process.awaitLine("eady to accept connections");
            Server redis = new Server(process, socket, directory);
            redis.cli(
                    "debug", "populate", String.valueOf(keys), "key", String.valueOf(VALUE_BYTES));
            try (OpenLoop load = new OpenLoop(socket, requestsPerSecond, keys)) {
                turns(
                        figures,
                        "redis_%dk_keys_%d_per_s".formatted(keys / 1000, requestsPerSecond),
                        redis,
                        load);
            }
        } finally {
            DirectoryTree.delete(directory);
        }
    }

    private static void turns(Figures figures, String name, Server redis, OpenLoop load)
            throws Exception {
        Map<String, Action> actions = new LinkedHashMap<>();
        actions.put("nothing", server -> Map.of());
        actions.put("stillframe", server -> snapshot(server, "auto"));
        actions.put("bgsave", LatencyBench::backgroundSave);
        actions.put("gcore", LatencyBench::core);
        actions.put("stillframe_start", server -> snapshot(server, "start"));
        Map<String, List<Double>> found = new LinkedHashMap<>();
        Thread.sleep(TURN); // the server and the compiler of this JVM settle
        for (int turn = 0; turn < TURNS; turn++) {
            for (Map.Entry<String, Action> action : actions.entrySet()) {
                load.take();
                long start = System.nanoTime();
                Map<String, Double> own = action.getValue().run(redis);
                double took = (System.nanoTime() - start) / 1e9;
                Thread.sleep(
                        TURN.minusNanos(Math.min(TURN.toNanos(), System.nanoTime() - start))
                                .plusSeconds(1));
                Waits waits = load.take();
                System.out.printf(
                        Locale.ROOT,
                        "%s, turn %d, %s: %.1f s, %s %s%n",
                        name,
                        turn,
                        action.getKey(),
                        took,
                        waits,
                        own);
                String prefix = name + "_" + action.getKey();
                add(found, prefix + "_p50_ms", waits.p50Millis());
                add(found, prefix + "_p99_ms", waits.p99Millis());
                add(found, prefix + "_p999_ms", waits.p999Millis());
                add(found, prefix + "_longest_ms", waits.maxMillis());
                add(found, prefix + "_slow_s", waits.slowSeconds());
                add(found, prefix + "_took_s", took);
                own.forEach((figure, value) -> add(found, prefix + "_" + figure, value));
            }
        }
        found.forEach(figures::addAll);
    }

    private static void add(Map<String, List<Double>> found, String name, double value) {
        found.computeIfAbsent(name, any -> new ArrayList<>()).add(value);
    }

    private static Map<String, Double> snapshot(Server redis, String instant) throws Exception {
        Path image = redis.directory().resolve("image");
        String pid = String.valueOf(redis.process().pid());
        String printed =
                Tool.run(
                        List.of(
                                COMMAND.toString(),
                                "snapshot",
                                "--pid",
                                pid,
                                "--out",
                                image.toString(),
                                "--instant",
                                instant,
                                "--json"));
        JsonNode facts = Json.MAPPER.readTree(printed);
        DirectoryTree.delete(image);
        if (!facts.get("complete").booleanValue()) {
            throw new IOException("the image is incomplete: " + facts.get("missing"));
        }
        return Map.of(
                "rounds",
                facts.get("instant").textValue().equals("end")
                        ? facts.get("rounds").doubleValue()
                        : 0,
                "pause_ms",
                facts.get("pause_ms").doubleValue(),
                "fault_p50_us",
                facts.get("fault_p50_us").doubleValue());
    }

    private static Map<String, Double> backgroundSave(Server redis) throws Exception {
        redis.cli("bgsave");
        while (redis.cli("info", "persistence").contains("rdb_bgsave_in_progress:1")) {
            Thread.sleep(Duration.ofMillis(200));
        }
        Files.delete(redis.directory().resolve("dump.rdb"));
        return Map.of();
    }

    private static Map<String, Double> core(Server redis) throws Exception {
        Path core = redis.directory().resolve("core");
        Tool.run(List.of("gcore", "-o", core.toString(), String.valueOf(redis.process().pid())));
        Files.delete(redis.directory().resolve("core." + redis.process().pid()));
        return Map.of();
    }
}
