package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.NativeMemory;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The bounded memory between the target and the sink: free blocks, and filled ones on their way. The sink never stalls the
 * target as long as there is a free block. Thread-safe.
 */
final class Staging implements AutoCloseable {
    private static final long WAIT_STEP_NANOS = 1_000_000;

    private final NativeMemory memory;
    private final int blocks;
    private final ArrayBlockingQueue<StagingBlock> free;
    private final ArrayBlockingQueue<StagingBlock> filled;
    private final LongAdder waitedNanos = new LongAdder();

    /** Maps and touches {@code bytes}, rounded down to whole blocks, so that the first use costs nothing. */
    Staging(long bytes) throws ErrnoException {
        int count = Math.toIntExact(bytes / StagingBlock.BYTES);
        blocks = count;
        // One block more than is used, so that blocks can begin at a huge page's boundary.
        memory = NativeMemory.map((count + 1) * StagingBlock.BYTES);
        free = new ArrayBlockingQueue<>(count);
        filled = new ArrayBlockingQueue<>(count);
        long base = -memory.segment().address() & (StagingBlock.BYTES - 1);
        memory.touch(base, count * StagingBlock.BYTES);
        for (int i = 0; i < count; i++) {
            free.add(new StagingBlock(memory.segment().asSlice(base + i * StagingBlock.BYTES, StagingBlock.BYTES)));
        }
    }

    /** A free block if there is one now. */
    @Nullable StagingBlock poll() {
        return free.poll();
    }

    /** A free block, after waiting a moment at most; the wait is counted. */
    @Nullable StagingBlock await() throws InterruptedException {
        long from = System.nanoTime();
        StagingBlock block = free.poll(WAIT_STEP_NANOS, TimeUnit.NANOSECONDS);
        waitedNanos.add(System.nanoTime() - from);
        return block;
    }

    /** Hands a filled block on. There is room for every block that exists. */
    void submit(StagingBlock block) {
        filled.add(block);
    }

    /** The next filled block, or null if none came within {@code timeoutNanos}. */
    @Nullable StagingBlock take(long timeoutNanos) throws InterruptedException {
        return filled.poll(timeoutNanos, TimeUnit.NANOSECONDS);
    }

    /** Whether less than half of the blocks are free. */
    boolean isHalfFull() {
        return free.size() < blocks / 2;
    }

    boolean hasFilled() {
        return !filled.isEmpty();
    }

    /** Gives a block back for reuse. */
    void recycle(StagingBlock block) {
        block.clear();
        free.add(block);
    }

    /** Time that workers waited for a free block, all together. */
    long waitedNanos() {
        return waitedNanos.sum();
    }

    /** Every block must be back or forgotten. */
    @Override
    public void close() {
        memory.close();
    }
}
