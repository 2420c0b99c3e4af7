package dev.stillframe.agent.demo;

import dev.stillframe.engine.thread.Role;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * The busy program that the demonstration takes a picture of; it knows nothing of Stillframe. Its
 * threads write a {@link Pattern} into memory outside the Java heap until standard input ends, so
 * that it never outlives whoever started it. On standard output: first {@code ready PID START-END},
 * then every {@value #SAMPLE_MILLIS} ms {@code rate NANOTIME STEPS}, the steps completed by then.
 */
public final class Writer {
    /** Time between two lines of output. */
    static final int SAMPLE_MILLIS = 10;

    private static final int STEPS_PER_BATCH = 64;
    private static final long NANOS_PER_SECOND = Duration.ofSeconds(1).toNanos();

    private Writer() {}

    /**
     * Runs until standard input ends.
     *
     * @param arguments threads, pages a thread, steps a second that each thread keeps to (0: as
     *     many as it can)
     */
    public static void main(String[] arguments) throws IOException {
        Pattern pattern =
                new Pattern(Integer.parseInt(arguments[0]), Integer.parseInt(arguments[1]));
        long stepsPerSecond = Long.parseLong(arguments[2]);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(pattern.sizeBytes(), Pattern.PAGE_BYTES);
            PatternWriter writer = new PatternWriter(pattern, memory);
            long start = memory.address();
            System.out.printf(
                    "ready %d %x-%x%n",
                    ProcessHandle.current().pid(), start, start + memory.byteSize());
            for (int thread = 0; thread < pattern.threads(); thread++) {
                int slice = thread;
                Role.DEMO.start(thread, () -> write(writer, slice, stepsPerSecond));
            }
            Role.DEMO.start("rate", () -> publish(writer));
            while (System.in.read() >= 0) {
                // whatever is said on standard input, only its end matters
            }
            System.exit(0); // without waiting for the writers, which would touch freed memory
        }
    }

    private static void write(PatternWriter writer, int slice, long stepsPerSecond) {
        long nanosPerBatch =
                stepsPerSecond == 0 ? 0 : STEPS_PER_BATCH * NANOS_PER_SECOND / stepsPerSecond;
        long due = System.nanoTime();
        while (true) {
            for (int step = 0; step < STEPS_PER_BATCH; step++) {
                writer.step(slice);
            }
            due += nanosPerBatch;
            long now = System.nanoTime();
            if (due > now) {
                LockSupport.parkNanos(due - now);
            } else {
                due = now; // what was missed while we were slowed is not made up for
            }
        }
    }

    private static void publish(PatternWriter writer) {
        while (!System.out.checkError()) { // an error: nobody reads any more
            System.out.println("rate " + System.nanoTime() + " " + writer.completed());
            LockSupport.parkNanos(Duration.ofMillis(SAMPLE_MILLIS).toNanos());
        }
    }
}
