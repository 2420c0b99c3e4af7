package dev.stillframe.engine.arena;

import dev.stillframe.engine.staging.Drain;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Copies pages of one snapshot into staging, for writers and for the sweep, and knows whether the
 * snapshot has failed. Thread-safe.
 */
final class PageCopies implements WriteBarrier.Copying, Drain.Failures {
    /**
     * So many threads copy side by side. Each stripe holds at most one block, so others are always
     * on their way.
     */
    static final int STRIPES = 4;

    private final MemorySegment memory;
    private final Staging staging;
    private final WriteBarrier barrier;
    private final int epoch;
    private final int since;
    private final long sweeper = Thread.currentThread().threadId();
    private final Stripe[] stripes = new Stripe[STRIPES];
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final LongAdder byWriters = new LongAdder();

    private static final class Stripe {
        final ReentrantLock lock = new ReentrantLock();
        @Nullable StagingBlock block;
    }

    /**
     * For the snapshot at the barrier's next epoch, swept by this thread.
     *
     * @param since only pages written in this epoch or later are wanted
     */
    PageCopies(MemorySegment memory, Staging staging, WriteBarrier barrier, int since) {
        this.memory = memory;
        this.staging = staging;
        this.barrier = barrier;
        this.epoch = barrier.nextEpoch();
        this.since = since;
        for (int i = 0; i < STRIPES; i++) {
            stripes[i] = new Stripe();
        }
    }

    @Override
    public int epoch() {
        return epoch;
    }

    @Override
    public boolean copy(int page) {
        if (hasFailed()) {
            return false;
        }
        if (barrier.stamp(page) < since) {
            return true; // the parent has it
        }
        Stripe stripe = lockedStripe();
        try {
            StagingBlock block = room(stripe);
            if (block == null) {
                return false;
            }
            long offset = (long) page * StagingBlock.PAGE_BYTES;
            long at = block.nextAddress() - block.memory().address();
            MemorySegment.copy(memory, offset, block.memory(), at, StagingBlock.PAGE_BYTES);
            block.add(offset, 1);
        } finally {
            stripe.lock.unlock();
        }
        if (Thread.currentThread().threadId() != sweeper) {
            byWriters.increment();
        }
        return true;
    }

    private Stripe lockedStripe() {
        int first = (int) Thread.currentThread().threadId() & (STRIPES - 1);
        for (int i = 0; i < STRIPES; i++) {
            Stripe stripe = stripes[(first + i) & (STRIPES - 1)];
            if (stripe.lock.tryLock()) {
                return stripe;
            }
        }
        stripes[first].lock.lock();
        return stripes[first];
    }

    /**
     * A block with room, after waiting for the sink if need be; null if the snapshot has failed.
     */
    private @Nullable StagingBlock room(Stripe stripe) {
        if (hasFailed()) {
            return null; // looked at under the lock, as awaitCopies() expects
        }
        StagingBlock block = stripe.block;
        if (block != null && block.room() > 0) {
            return block;
        }
        if (block != null) {
            staging.submit(block);
            stripe.block = null;
        }
        block = staging.poll();
        boolean interrupted = false;
        while (block == null && !hasFailed()) {
            try {
                block = staging.await();
            } catch (InterruptedException e) {
                interrupted = true; // the page must be copied all the same
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        stripe.block = block;
        return block;
    }

    /** Hands on what is left, when every page is copied. */
    void flush() {
        for (Stripe stripe : stripes) {
            stripe.lock.lock();
            try {
                StagingBlock block = stripe.block;
                if (block != null) {
                    staging.submit(block);
                    stripe.block = null;
                }
            } finally {
                stripe.lock.unlock();
            }
        }
    }

    /** After {@link #fail}: returns when nobody is at staging any more, and nobody will be. */
    void awaitCopies() {
        for (Stripe stripe : stripes) {
            stripe.lock.lock();
            try {
                stripe.block = null; // whoever waited for it has come to an end
            } finally {
                stripe.lock.unlock();
            }
        }
    }

    /** Pages that writers have copied. */
    long byWriters() {
        return byWriters.sum();
    }

    /** How long writers and the sweep have waited for staging, all together. */
    long waitedNanos() {
        return staging.waitedNanos();
    }

    @Override
    public boolean hasFailed() {
        return failure.get() != null;
    }

    @Override
    public void fail(Throwable cause) {
        failure.compareAndSet(null, cause);
    }

    /** Throws what has gone wrong, if anything has. */
    void check() throws IOException {
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new ArenaException(String.valueOf(e.getMessage()), e);
        }
    }
}
