package dev.stillframe.tests.bench;

import dev.stillframe.engine.arena.MemoryArena;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A store of eight bytes through the barrier of an emulated arena, without a snapshot, and without
 * a barrier.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class BarrierBench {
    private static final long SIZE = 1L << 20;
    private static final long STEP = 4096 + 64;

    private final MemoryArena arena = MemoryArena.emulated("bench", SIZE);
    private final Arena plainArena = Arena.ofShared();
    private final MemorySegment plain = plainArena.allocate(SIZE, 4096);
    private long offset;
    private long value;

    /** Every page has been written in this epoch. */
    @Setup
    public void touch() {
        arena.fill(0, SIZE, (byte) 1);
    }

    /** Gives the memory back. */
    @TearDown
    public void close() {
        arena.close();
        plainArena.close();
    }

    /** Without a barrier. */
    @Benchmark
    public void plainStore() {
        offset = offset + STEP & SIZE - 8;
        plain.set(ValueLayout.JAVA_LONG, offset, value++);
    }

    /** With the barrier. */
    @Benchmark
    public void arenaStore() {
        offset = offset + STEP & SIZE - 8;
        arena.putLong(offset, value++);
    }
}
