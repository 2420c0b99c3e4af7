package dev.stillframe.tests.bench;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.tests.image.ThrottledSink;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * The benchmarks by name; one flat-out writer with 4 KiB pages of anonymous memory in each, but for
 * what concerns arenas. See {@code tests/bench}.
 */
public final class Bench {
    private static final long GIB = 1L << 30;
    private static final long SLOW_SINK_BYTES_PER_SECOND = 20_000_000;
    private static final int TURNS = Integer.getInteger("stillframe.bench.turns", 20);

    /** All but the handler's own cleverness: what the slowed time is compared with. */
    private static final SnapshotOptions.Tuning PLAIN = new SnapshotOptions.Tuning(1, false, false);

    @FunctionalInterface
    private interface Benchmark {
        void run(Figures figures) throws Exception;
    }

    private static final Map<String, Benchmark> BENCHMARKS =
            Map.ofEntries(
                    Map.entry("pause", Bench::pause),
                    Map.entry("capture", Bench::capture),
                    Map.entry("slowed", SlowedBench::measure),
                    Map.entry("tuning", Bench::tuning),
                    Map.entry("slowsink", Bench::slowSink),
                    Map.entry("roundpause", RoundPauses::measure),
                    Map.entry("slowrounds", RoundsBench::measure),
                    Map.entry("latency", LatencyBench::measure),
                    Map.entry("barrier", Barrier::measure),
                    Map.entry("encoding", EncodingBench::measure),
                    Map.entry("tls", TransportBench::measureTls),
                    Map.entry("watch", Watch::measure),
                    Map.entry("watched", WatchedBench::measure),
                    Map.entry("machine", MachineBench::measure),
                    Map.entry("transport", TransportBench::measure));

    private Bench() {}

    /** Runs the benchmark that is named. */
    public static void main(String[] arguments) throws Exception {
        Benchmark benchmark = arguments.length == 1 ? BENCHMARKS.get(arguments[0]) : null;
        if (benchmark == null) {
            System.err.println(
                    "name one benchmark: "
                            + String.join(", ", BENCHMARKS.keySet().stream().sorted().toList()));
            System.exit(2);
            return;
        }
        Figures figures = new Figures(arguments[0]);
        benchmark.run(figures);
        figures.write();
    }

    /** How long the target stands still, and that this does not follow its size. */
    private static void pause(Figures figures) throws Exception {
        List<Double> small = pauses(GIB);
        figures.addAll("pause_ms_1gib", small);
        List<Double> large = pauses(4 * GIB);
        figures.addAll("pause_ms_4gib", large);
        figures.add(
                "pause_ratio_p95", Figures.quantile(large, 0.95) / Figures.quantile(small, 0.95));
    }

    private static List<Double> pauses(long sizeBytes) throws Exception {
        List<Double> pauses = new ArrayList<>();
        try (OracleTarget target = start(sizeBytes)) {
            for (int turn = 0; turn < TURNS; turn++) {
                SnapshotReport report =
                        take(
                                target,
                                options(2 * GIB, SnapshotOptions.Tuning.DEFAULT),
                                new DiscardingSink());
                pauses.add(report.times().pauseNanos() / 1e6);
                System.out.printf("%d MiB, turn %d: %s%n", sizeBytes >> 20, turn, report);
            }
        }
        return pauses;
    }

    /** Bytes a second from T0 to the last page. */
    private static void capture(Figures figures) throws Exception {
        List<Double> speeds = new ArrayList<>();
        List<Double> millis = new ArrayList<>();
        try (OracleTarget target = start(GIB)) {
            for (int turn = 0; turn < TURNS; turn++) {
                SnapshotReport report =
                        take(
                                target,
                                options(3 * GIB / 2, SnapshotOptions.Tuning.DEFAULT),
                                new DiscardingSink());
                speeds.add((double) report.captured().bytes() / report.times().captureNanos());
                millis.add(report.times().captureNanos() / 1e6);
            }
        }
        figures.addAll("capture_gb_per_s", speeds);
        figures.addAll("capture_ms", millis);
    }

    /** How long the writer is slow, in turns with the engine as plain as can be. */
    private static void tuning(Figures figures) throws Exception {
        List<Double> ours = new ArrayList<>();
        List<Double> plain = new ArrayList<>();
        try (OracleTarget target = start(GIB)) {
            take(
                    target,
                    options(3 * GIB / 2, SnapshotOptions.Tuning.DEFAULT),
                    new DiscardingSink()); // not counted
            for (int turn = 0; turn < Math.max(1, TURNS / 4); turn++) {
                ours.add(
                        slowedSeconds(
                                target, SnapshotOptions.Tuning.DEFAULT, new DiscardingSink()));
                plain.add(slowedSeconds(target, PLAIN, new DiscardingSink()));
            }
        }
        figures.addAll("slowed_s", ours);
        figures.addAll("slowed_s_plain", plain);
        figures.add(
                "slowed_ratio_median", Figures.quantile(plain, 0.5) / Figures.quantile(ours, 0.5));
    }

    /** That a slow receiver does not slow the writer while there is staging. */
    private static void slowSink(Figures figures) throws Exception {
        List<Double> fast = new ArrayList<>();
        List<Double> slow = new ArrayList<>();
        try (OracleTarget target = start(GIB)) {
            take(
                    target,
                    options(3 * GIB / 2, SnapshotOptions.Tuning.DEFAULT),
                    new DiscardingSink()); // not counted
            for (int turn = 0; turn < Math.max(1, TURNS / 7); turn++) {
                fast.add(
                        slowedSeconds(
                                target, SnapshotOptions.Tuning.DEFAULT, new DiscardingSink()));
                PageSink throttled =
                        new ThrottledSink(new DiscardingSink(), SLOW_SINK_BYTES_PER_SECOND);
                slow.add(slowedSeconds(target, SnapshotOptions.Tuning.DEFAULT, throttled));
            }
        }
        figures.addAll("slowed_s_fast_sink", fast);
        figures.addAll("slowed_s_slow_sink", slow);
        figures.add(
                "slow_to_fast_median", Figures.quantile(slow, 0.5) / Figures.quantile(fast, 0.5));
    }

    private static double slowedSeconds(
            OracleTarget target, SnapshotOptions.Tuning tuning, PageSink sink) throws Exception {
        RateSampler sampler = RateSampler.start(target.counters());
        long started;
        SnapshotReport report;
        try {
            long undisturbed = System.nanoTime() + Duration.ofSeconds(1).toNanos();
            while (System.nanoTime() < undisturbed) { // the writer's own rate
                LockSupport.parkNanos(undisturbed - System.nanoTime());
            }
            started = System.nanoTime();
            report = take(target, options(3 * GIB / 2, tuning), sink);
        } finally {
            sampler.stop();
        }
        double slowed = sampler.slowedSeconds(started);
        System.out.printf(
                "%s: slowed %.3f s of a writer at %,.0f/s: %s%n",
                tuning, slowed, sampler.rateBefore(started), report);
        return slowed;
    }

    private static SnapshotReport take(OracleTarget target, SnapshotOptions options, PageSink sink)
            throws Exception {
        return Snapshots.take(target.pid(), sink, options, Progress.NONE);
    }

    private static SnapshotOptions options(long stagingBytes, SnapshotOptions.Tuning tuning) {
        return SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors())
                .withInstant(InstantChoice.START)
                .withStagingBytes(stagingBytes)
                .withStallTimeout(Duration.ofMinutes(5))
                .withTuning(tuning);
    }

    private static OracleTarget start(long sizeBytes) throws Exception {
        return OracleTarget.start(Settings.of("anon", sizeBytes, 1).withCounters(), 1);
    }
}
