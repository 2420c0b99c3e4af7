package dev.stillframe.tests.bench;

import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.ForwardingSink;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** What the write barrier of an emulated arena costs. */
final class Barrier {
    private static final long SIZE = 128L << 20;
    private static final int TURNS = 30;
    private static final int WARM_UP = 10;

    private Barrier() {}

    static void measure(Figures figures) throws Exception {
        double plain = 0;
        double arena = 0;
        for (RunResult result :
                new Runner(new OptionsBuilder().include(BarrierBench.class.getName()).build())
                        .run()) {
            double score = result.getPrimaryResult().getScore();
            if (result.getParams().getBenchmark().endsWith("plainStore")) {
                plain = score;
            } else {
                arena = score;
            }
        }
        figures.add("store_plain_ns", plain);
        figures.add("store_arena_ns", arena);
        figures.add("barrier_ns", arena - plain);
        firstWrites(figures);
    }

    /**
     * From the last page down, while the sweep comes up: until they meet, each write is the first
     * to its page.
     */
    private static void firstWrites(Figures figures) throws Exception {
        List<Double> medians = new ArrayList<>();
        List<Double> p99s = new ArrayList<>();
        ArenaOptions options =
                new ArenaOptions(SIZE, Duration.ofMinutes(1), Duration.ofSeconds(10));
        try (MemoryArena arena = MemoryArena.emulated("bench", SIZE)) {
            arena.fill(0, SIZE, (byte) 1);
            for (int turn = 0; turn < TURNS; turn++) {
                Downwards writer = new Downwards(arena);
                ArenaReport report = arena.snapshot(new StartingSink(writer.thread), options);
                writer.thread.join();
                List<Double> first =
                        writer.micros.subList(
                                0, (int) Math.min(report.firstWrites(), writer.micros.size()));
                System.out.printf("turn %d: %s%n", turn, report);
                if (turn >= WARM_UP && !first.isEmpty()) {
                    medians.add(Figures.quantile(first, 0.5));
                    p99s.add(Figures.quantile(first, 0.99));
                }
            }
        }
        figures.addAll("first_write_us_p50", medians);
        figures.addAll("first_write_us_p99", p99s);
    }

    /** Writes once to each page and notes how long it took. */
    private static final class Downwards implements Runnable {
        final List<Double> micros = new ArrayList<>();
        final Thread thread = Thread.ofPlatform().name("first writes").unstarted(this);
        private final MemoryArena arena;

        Downwards(MemoryArena arena) {
            this.arena = arena;
        }

        @Override
        public void run() {
            for (long at = SIZE - MemoryArena.PAGE_BYTES; at >= 0; at -= MemoryArena.PAGE_BYTES) {
                long from = System.nanoTime();
                arena.putLong(at, from);
                micros.add((System.nanoTime() - from) / 1e3);
            }
        }
    }

    /** Starts the writer as soon as T0 has been. */
    private static final class StartingSink extends ForwardingSink {
        private final Thread writer;

        StartingSink(Thread writer) {
            super(new DiscardingSink());
            this.writer = writer;
        }

        @Override
        public void begin(Layout layout) throws IOException {
            writer.start();
            super.begin(layout);
        }
    }
}
