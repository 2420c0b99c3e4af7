package dev.stillframe.tests.bench;

import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.nativearena.NativeArena;
import dev.stillframe.engine.page.DiscardingSink;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What it costs that a native arena is watched between snapshots: a write to a page that is marked
 * as unwritten and one to a page that is not, and a whole snapshot against one of the changes to a
 * hundredth of the pages.
 */
final class Watch {
    private static final long SIZE = 256L << 20;
    private static final int PAGE = NativeArena.PAGE_BYTES;
    private static final int TURNS = 20;
    private static final int WARM_UP = 5;
    private static final int ONE_IN = 100;

    private Watch() {}

    static void measure(Figures figures) throws Exception {
        figures.addAll("whole_unwatched_ms", wholes(NativeArena.create("bench", SIZE)));
        figures.addAll("whole_watched_ms", wholes(NativeArena.watched("bench", SIZE)));
        changes(figures);
    }

    private static List<Double> wholes(NativeArena arena) throws IOException {
        List<Double> millis = new ArrayList<>();
        try (arena) {
            arena.fill(0, SIZE, (byte) 1);
            for (int turn = 0; turn < TURNS; turn++) {
                long from = System.nanoTime();
                arena.snapshot(new DiscardingSink());
                if (turn >= WARM_UP) {
                    millis.add((System.nanoTime() - from) / 1e6);
                }
            }
        }
        return millis;
    }

    private static void changes(Figures figures) throws IOException {
        List<Double> firsts = new ArrayList<>();
        List<Double> seconds = new ArrayList<>();
        List<Double> millis = new ArrayList<>();
        List<Double> pauses = new ArrayList<>();
        try (NativeArena arena = NativeArena.watched("bench", SIZE)) {
            arena.fill(0, SIZE, (byte) 1);
            ArenaReport last = arena.snapshot(new DiscardingSink());
            for (int turn = 0; turn < TURNS; turn++) {
                double first = writeMicros(arena, turn);
                double second = writeMicros(arena, turn);
                long from = System.nanoTime();
                last = arena.snapshotSince(last, new DiscardingSink(), ArenaOptions.DEFAULT);
                if (turn >= WARM_UP) {
                    firsts.add(first);
                    seconds.add(second);
                    millis.add((System.nanoTime() - from) / 1e6);
                    pauses.add(last.captureNanos() / 1e6);
                }
            }
        }
        figures.addAll("first_write_us", firsts);
        figures.addAll("later_write_us", seconds);
        figures.addAll("changes_1_percent_ms", millis);
        figures.addAll("changes_1_percent_pause_ms", pauses);
    }

    /** The mean of a write to every hundredth page. */
    private static double writeMicros(NativeArena arena, int turn) {
        long from = System.nanoTime();
        int pages = 0;
        for (long at = (long) turn * PAGE; at < SIZE; at += (long) ONE_IN * PAGE) {
            arena.putLong(at, from + pages++);
        }
        return (System.nanoTime() - from) / 1e3 / pages;
    }
}
