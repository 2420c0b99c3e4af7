package dev.stillframe.tests.arena;

import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.oracle.OracleMemory;
import dev.stillframe.tests.oracle.OracleShape;
import dev.stillframe.tests.oracle.SimulatedOracle;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A program that takes snapshots of an arena back to back while threads write to it and the
 * collector runs all the time. Every image is checked, and the last one, without writers, against
 * the arena itself. Arguments: flavour, seconds for each load, seed, a folder for images, loads.
 * Prints {@code done} with its figures, or fails.
 */
public final class ArenaStress {
    private static final int PAGE = MemoryArena.PAGE_BYTES;
    private static final int WRITERS = 8;
    private static final int STEPS_PER_NAP = 20;
    private static final long NAP_NANOS = 1_000_000;
    private static final int STEPS_PER_LOOK = 100;
    private static final long WORK_NANOS = 100_000;

    /** So that all of them together need one processor at most, compiled or not. */
    private static final long REST_NANOS = (WRITERS - 1) * WORK_NANOS;

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final ArenaImages.Flavour flavour;
    private final long nanosPerLoad;
    private final long seed;
    private final Path folder;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean stopped;
    private long images;

    /** What the threads do. */
    enum Load {
        /** All pages are written all the time. */
        ORACLE,
        /**
         * The same, so slowly that most pages are not written between two images, and some only
         * just before T0.
         */
        SLOW_ORACLE,
        /** Two pages that are written one after the other. */
        PAIRS,
        /** Calls and units that are in an image whole or not at all. */
        UNITS
    }

    private ArenaStress(ArenaImages.Flavour flavour, long secondsPerLoad, long seed, Path folder) {
        this.flavour = flavour;
        this.nanosPerLoad = Duration.ofSeconds(secondsPerLoad).toNanos();
        this.seed = seed;
        this.folder = folder;
    }

    /** See the class. */
    public static void main(String[] arguments) throws Exception {
        ArenaStress stress =
                new ArenaStress(
                        ArenaImages.Flavour.valueOf(arguments[0]),
                        Long.parseLong(arguments[1]),
                        Long.parseLong(arguments[2]),
                        Path.of(arguments[3]));
        for (String load : List.of(arguments).subList(4, arguments.length)) {
            stress.run(Load.valueOf(load));
        }
        System.out.printf("done %s images=%d%n", stress.flavour, stress.images);
    }

    /**
     * One load after the other: all at once, the collector would stop them before the scheduler
     * came round.
     */
    private void run(Load load) throws Exception {
        switch (load) {
            case ORACLE, SLOW_ORACLE -> {
                OracleShape shape = new OracleShape(1025L * PAGE, WRITERS, seed);
                int stepsPerNap = load == Load.ORACLE ? Integer.MAX_VALUE : STEPS_PER_NAP;
                run(
                        load,
                        shape.sizeBytes(),
                        arena -> startOracle(shape, arena, stepsPerNap),
                        image -> OracleCheck.deviation(shape, image));
            }
            case PAIRS -> run(load, 2L * PAGE, this::startPairs, ArenaStress::pairsDeviation);
            case UNITS -> run(load, 24L * PAGE, this::startUnits, ArenaStress::unitsDeviation);
        }
    }

    private void run(Load load, long sizeBytes, Consumer<MemoryArena> start, Judge judge)
            throws Exception {
        long before = images;
        stopped = false;
        try (ArenaImages taken = flavour.open(load.name(), sizeBytes, folder)) {
            start.accept(taken.arena());
            startCollecting();
            try {
                check(
                        taken,
                        judge); // the time begins when there is one: the first has something to
                // start
                long from = System.nanoTime();
                while (System.nanoTime() - from < nanosPerLoad && failure.get() == null) {
                    check(taken, judge);
                }
            } finally {
                stop();
            }
            long wrong = check(taken, judge).mismatch(taken.arena().reading());
            require(
                    wrong < 0,
                    "the last image of %s is not what is there at %d".formatted(load, wrong));
        }
        System.out.printf("%s: %d images%n", load, images - before);
    }

    /**
     * The others get as much time as the collection took, which may have stopped them all the
     * while.
     */
    private static void collect() {
        long from = System.nanoTime();
        System.gc();
        LockSupport.parkNanos(System.nanoTime() - from);
    }

    private void startOracle(OracleShape shape, MemoryArena arena, int stepsPerNap) {
        SimulatedOracle model =
                new SimulatedOracle(
                        shape,
                        new OracleMemory() {
                            @Override
                            public long get(long offset) {
                                return arena.getLong(offset);
                            }

                            @Override
                            public void set(long offset, long value) {
                                arena.putLong(offset, value);
                            }
                        });
        for (int i = 0; i < WRITERS; i++) {
            int thread = i;
            int[] steps = new int[1];
            repeat(
                    Thread.ofPlatform().name("oracle-" + i).factory(),
                    () -> {
                        model.step(thread);
                        if (++steps[0] % stepsPerNap == 0) {
                            LockSupport.parkNanos(NAP_NANOS);
                        }
                    });
        }
    }

    /**
     * Each writer counts in a cell of the first page and then in one of the second. So close
     * together, the two stores meet T0 often. One of the writers is virtual, one stores by
     * compare-and-set.
     */
    private void startPairs(MemoryArena arena) {
        for (int i = 0; i < 4; i++) {
            long cell = i * 64L;
            long[] count = new long[1];
            ThreadFactory factory =
                    i == 0
                            ? Thread.ofVirtual().name("pair").factory()
                            : Thread.ofPlatform().name("pair-" + i).factory();
            boolean compareAndSet = i == 1;
            repeat(
                    factory,
                    () -> {
                        long next = ++count[0];
                        if (compareAndSet) {
                            require(arena.compareAndSetLong(cell, next - 1, next), "a lost store");
                            require(
                                    arena.getAndAddLong(PAGE + cell, 1) == next - 1,
                                    "a lost addition");
                        } else {
                            arena.putLong(cell, next);
                            arena.putLong(PAGE + cell, next);
                        }
                    });
        }
    }

    private static Optional<String> pairsDeviation(MemorySegment image) {
        for (int i = 0; i < 4; i++) {
            long first = image.get(ValueLayout.JAVA_LONG, i * 64L);
            long second = image.get(ValueLayout.JAVA_LONG, PAGE + i * 64L);
            if (first != second && first != second + 1) {
                return Optional.of("pair %d: %d and then %d".formatted(i, first, second));
            }
        }
        return Optional.empty();
    }

    /**
     * Pages 0 to 7: calls of three pages; 8 to 15: units that keep a sum; 16 to 23: copies of three
     * pages.
     */
    private void startUnits(MemoryArena arena) {
        byte[] bytes = new byte[3 * PAGE];
        int[] turn = new int[1];
        repeat(
                Thread.ofPlatform().name("bulk").factory(),
                () -> {
                    Arrays.fill(bytes, (byte) ++turn[0]);
                    arena.put(PAGE / 2, bytes);
                    arena.fill(4L * PAGE, 3L * PAGE, (byte) turn[0]);
                    arena.copy(4L * PAGE, 16L * PAGE, 3L * PAGE);
                });
        SplittableRandom random = new SplittableRandom(seed);
        repeat(Thread.ofPlatform().name("transfer").factory(), () -> transfer(arena, random));
    }

    private static void transfer(MemoryArena arena, SplittableRandom random) {
        long from = random.nextInt(8, 16) * (long) PAGE;
        long to = random.nextInt(8, 16) * (long) PAGE;
        long amount = random.nextInt(1, 1000);
        arena.unit(
                () -> {
                    arena.putLong(from, arena.getLong(from) - amount);
                    arena.putLong(to, arena.getLong(to) + amount);
                });
    }

    private static Optional<String> unitsDeviation(MemorySegment image) {
        long sum = 0;
        for (long page = 8; page < 16; page++) {
            sum += image.get(ValueLayout.JAVA_LONG, page * PAGE);
        }
        if (sum != 0) {
            return Optional.of("a unit is torn: the sum is " + sum);
        }
        for (long start : new long[] {PAGE / 2, 4L * PAGE, 16L * PAGE}) {
            byte first = image.get(ValueLayout.JAVA_BYTE, start);
            for (long at = start; at < start + 3 * PAGE; at++) {
                if (image.get(ValueLayout.JAVA_BYTE, at) != first) {
                    return Optional.of(
                            "a call is torn: at %d is not what is at %d".formatted(at, start));
                }
            }
        }
        return Optional.empty();
    }

    @FunctionalInterface
    private interface Judge {
        Optional<String> deviation(MemorySegment image);
    }

    private MemorySegment check(ArenaImages taken, Judge judge) throws IOException {
        MemorySegment image = taken.next();
        Optional<String> wrong = judge.deviation(image);
        if (wrong.isPresent()) {
            throw new AssertionError(
                    "image %d, of %s: %s".formatted(images, taken.arena(), wrong.get()));
        }
        images++;
        return image;
    }

    /**
     * With a rest now and then: threads that never rest keep the others from the few processors of
     * a test machine.
     */
    private void repeat(ThreadFactory factory, Runnable step) {
        start(
                factory,
                () -> {
                    long from = System.nanoTime();
                    for (long turn = 1; !stopped; turn++) {
                        step.run();
                        if (turn % STEPS_PER_LOOK == 0 && System.nanoTime() - from > WORK_NANOS) {
                            LockSupport.parkNanos(REST_NANOS);
                            from = System.nanoTime();
                        }
                    }
                });
    }

    private void startCollecting() {
        start(
                Thread.ofPlatform().name("gc").factory(),
                () -> {
                    while (!stopped) {
                        collect();
                    }
                });
    }

    private void start(ThreadFactory factory, Runnable work) {
        Thread thread =
                factory.newThread(
                        () -> {
                            try {
                                work.run();
                            } catch (Throwable t) { // the thread's top
                                failure.compareAndSet(null, t);
                            }
                        });
        threads.add(thread);
        thread.start();
    }

    private void stop() throws InterruptedException {
        stopped = true;
        for (Thread thread : threads) {
            require(thread.join(PATIENCE), thread.getName() + " hangs");
        }
        threads.clear();
        Throwable known = failure.get();
        if (known != null) {
            throw new AssertionError("a thread failed", known);
        }
    }

    private static void require(boolean held, String broken) {
        if (!held) {
            throw new AssertionError(broken);
        }
    }
}
