package dev.stillframe.engine.staging;

import io.micrometer.core.instrument.Clock;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The bounded memory between the target and the sink: free blocks, and filled ones on their way.
 * The sink never stalls the target as long as there is a free block. Thread-safe.
 */
public final class Staging implements AutoCloseable {
    private static final long WAIT_STEP_NANOS = 1_000_000;

    /**
     * Blocks left to faults: a target that writes to more new pages than that while one is written
     * out waits anyway.
     */
    private static final int MOST_RESERVE = 32;

    /** What took longer than that was no sink at work. */
    private static final long MOST_BLOCK_NANOS = 1_000_000_000;

    private final Runnable freeMemory;
    private final Clock clock;
    private final int blocks;
    private final int least;
    private final ArrayBlockingQueue<StagingBlock> free;
    private final ArrayBlockingQueue<StagingBlock> filled;
    private final AtomicLong recycledNanos = new AtomicLong();
    private final AtomicLong blockNanos = new AtomicLong();
    private final LongAdder waitedNanos = new LongAdder();
    private volatile boolean abandoned;

    /**
     * Divides {@code memory} into blocks.
     *
     * @param memory native memory that was touched before, so that the first use costs nothing
     * @param workers threads that fill a block each for what nobody waits for, see {@link
     *     #isScarce}
     * @param free gives the memory back; called by {@link #close}
     * @param clock of whoever takes the snapshot
     */
    public Staging(MemorySegment memory, int workers, Runnable free, Clock clock) {
        long base =
                -memory.address()
                        & (StagingBlock.BYTES - 1); // blocks begin at a huge page's boundary
        blocks = Math.toIntExact((memory.byteSize() - base) / StagingBlock.BYTES);
        int reserve = Math.clamp(blocks - 2L * workers, 0, Math.min(blocks / 4, MOST_RESERVE));
        least = reserve + workers; // all may take one at once; and one that each of them holds is
        // never missed
        this.freeMemory = free;
        this.clock = clock;
        this.free = new ArrayBlockingQueue<>(blocks);
        filled = new ArrayBlockingQueue<>(blocks);
        for (int i = 0; i < blocks; i++) {
            this.free.add(
                    new StagingBlock(
                            memory.asSlice(base + i * StagingBlock.BYTES, StagingBlock.BYTES)));
        }
    }

    /**
     * How much memory it takes to have {@code bytes} of staging, rounded down to whole blocks,
     * wherever it begins; beside what {@code workers} threads hold half filled.
     */
    public static long memoryBytes(long bytes, int workers) {
        return (bytes / StagingBlock.BYTES + 2L * workers + 1) * StagingBlock.BYTES;
    }

    /** The time of whoever takes the snapshot. */
    public Clock clock() {
        return clock;
    }

    /** A free block if there is one now. */
    public @Nullable StagingBlock poll() {
        return free.poll();
    }

    /** A free block, after waiting a moment at most; the wait is counted. */
    public @Nullable StagingBlock await() throws InterruptedException {
        long from = clock.monotonicTime();
        StagingBlock block = free.poll(WAIT_STEP_NANOS, TimeUnit.NANOSECONDS);
        waitedNanos.add(clock.monotonicTime() - from);
        return block;
    }

    /** Hands a filled block on. There is room for every block that exists. */
    public void submit(StagingBlock block) {
        filled.add(block);
    }

    /** The next filled block, or null if none came within {@code timeoutNanos}. */
    public @Nullable StagingBlock take(long timeoutNanos) throws InterruptedException {
        return filled.poll(timeoutNanos, TimeUnit.NANOSECONDS);
    }

    /**
     * Whether less than half of the blocks are free, or what is free is {@linkplain #isScarce
     * scarce} before that.
     */
    public boolean isHalfFull() {
        return free.size() < Math.max(blocks / 2, least);
    }

    /** How many blocks are free now. */
    public int freeBlocks() {
        return free.size();
    }

    /** How many blocks there are, free or not. */
    public int blocks() {
        return blocks;
    }

    /** Whether what is free should be left to faults, for which somebody waits. */
    public boolean isScarce() {
        return free.size() < least;
    }

    /**
     * How long to take over the next block, so that what is left lasts: nothing while there is half
     * of what is {@linkplain #isScarce reserved}; as long as the sink takes over one while there is
     * a quarter, and longer while there is less.
     */
    public long scarceBlockNanos() {
        int gone = (least + 1) / 2 - free.size();
        if (gone <= 0) {
            return 0;
        }
        long since = Math.min(clock.monotonicTime() - recycledNanos.get(), MOST_BLOCK_NANOS);
        return Math.max(blockNanos.get(), since) * 4 * gone / least;
    }

    public boolean hasFilled() {
        return !filled.isEmpty();
    }

    /** Gives a block back for reuse. */
    public void recycle(StagingBlock block) {
        long now = clock.monotonicTime();
        long nanos = now - recycledNanos.getAndSet(now);
        long before = blockNanos.get();
        blockNanos.set(before + (Math.min(nanos, MOST_BLOCK_NANOS) - before) / 4);
        block.clear();
        free.add(block);
    }

    /** Time that workers waited for a free block, all together. */
    public long waitedNanos() {
        return waitedNanos.sum();
    }

    /**
     * A thread that did not end may still write to it: the memory is not given back as long as this
     * process lives.
     */
    public void abandon() {
        abandoned = true;
    }

    /** Every block must be back or forgotten. */
    @Override
    public void close() {
        if (!abandoned) {
            freeMemory.run();
        }
    }
}
