package dev.stillframe.tests.bench;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.image.ThrottledSink;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * That rounds leave a target alone while a slow sink takes their pages: a writer at a tenth of its
 * speed, on a processor of its own, against itself before.
 */
final class RoundsBench {
    private static final int TURNS = Integer.getInteger("stillframe.bench.turns", 3);
    private static final long SIZE_BYTES = 256L << 20;
    private static final long SINK_BYTES_PER_SECOND = 20_000_000;
    private static final Duration UNDISTURBED = Duration.ofSeconds(2);

    /** So long is a client's patience; and a pause of a millisecond does not look like a stall. */
    private static final Duration SPAN = Duration.ofMillis(100);

    private RoundsBench() {}

    static void measure(Figures figures) throws Exception {
        int processors = Runtime.getRuntime().availableProcessors();
        if (processors < 2) {
            throw new IOException("the target needs a processor of its own");
        }
        int last = processors - 1;
        pin(ProcessHandle.current().pid(), "0-" + (last - 1));
        long rate = flatOut(last) / 10;
        figures.add("writes_per_s_wanted", rate);
        List<Double> percents = new ArrayList<>();
        List<Double> slowest = new ArrayList<>();
        List<Double> rounds = new ArrayList<>();
        List<Double> seconds = new ArrayList<>();
        try (OracleTarget target = start(last, rate)) {
            for (int turn = 0; turn < TURNS; turn++) {
                Found found = turn(target);
                System.out.printf("turn %d: %s%n", turn, found);
                percents.add(100 * found.rate() / found.rateBefore());
                slowest.add(100 * found.slowestRate() / found.rateBefore());
                rounds.add((double) found.report().course().rounds());
                seconds.add(found.nanos() / 1e9);
            }
        }
        figures.addAll("rate_in_rounds_percent", percents);
        figures.addAll("slowest_100ms_percent", slowest);
        figures.addAll("rounds", rounds);
        figures.addAll("rounds_s", seconds);
    }

    private record Found(
            double rateBefore,
            double rate,
            double slowestRate,
            long nanos,
            SnapshotReport report) {}

    private static Found turn(OracleTarget target) throws Exception {
        RoundTimes times = new RoundTimes();
        RateSampler sampler = RateSampler.start(target.counters());
        long began = System.nanoTime();
        SnapshotReport report;
        try {
            Thread.sleep(UNDISTURBED);
            SnapshotOptions options =
                    SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors())
                            .withInstant(InstantChoice.AUTO)
                            .withStallTimeout(Duration.ofMinutes(5));
            report =
                    Snapshots.take(
                            target.pid(),
                            new ThrottledSink(new DiscardingSink(), SINK_BYTES_PER_SECOND),
                            options,
                            times);
        } finally {
            sampler.stop();
        }
        return new Found(
                sampler.rate(began, times.first),
                sampler.rate(times.first, times.end),
                sampler.slowestRate(times.first, times.end, SPAN),
                times.end - times.first,
                report);
    }

    /** When the rounds begin and end. Told by one thread at a time, read after them. */
    private static final class RoundTimes implements Progress {
        private volatile long first;
        private volatile long end;

        @Override
        public void at(Step step, long doneBytes, long allBytes) {
            boolean isRound = step.name().endsWith("ROUND") || step.name().endsWith("ROUNDS");
            if (isRound && first == 0) {
                first = System.nanoTime();
            } else if (!isRound && first != 0 && end == 0) {
                end = System.nanoTime();
            }
        }
    }

    private static long flatOut(int processor) throws Exception {
        try (OracleTarget target = start(processor, 0)) {
            long writes = target.counters().writes();
            long began = System.nanoTime();
            Thread.sleep(UNDISTURBED);
            return (long)
                    ((target.counters().writes() - writes) * 1e9 / (System.nanoTime() - began));
        }
    }

    private static OracleTarget start(int processor, long rate) throws Exception {
        OracleTarget target =
                OracleTarget.start(
                        Settings.of("anon", SIZE_BYTES, 1).withCounters().withRate(rate), 1);
        pin(target.pid(), Integer.toString(processor));
        return target;
    }

    /** All threads; those that come later inherit it. */
    private static void pin(long pid, String processors) throws IOException, InterruptedException {
        Tool.run(List.of("taskset", "-a", "-c", "-p", processors, Long.toString(pid)));
    }
}
