package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PageCopiesTest {
    private static final int ROUNDS = 300;
    private static final long ONE_BLOCK = (long) StagingBlock.PAGES * StagingBlock.PAGE_BYTES;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final WriteBarrier barrier = new WriteBarrier(1, Clock.SYSTEM);

    /**
     * Staging is given back as soon as the snapshot has failed: a writer that waited for it must
     * not touch it any more.
     */
    @Test
    void aWriterThatWaitsForStagingHearsNothingOfTheSnapshotsFailure() throws Exception {
        try (Arena memory = Arena.ofShared()) {
            MemorySegment page = memory.allocate(MemoryArena.PAGE_BYTES);
            for (int round = 0; round < ROUNDS; round++) {
                Arena owner = Arena.ofShared();
                Staging staging =
                        new Staging(
                                owner.allocate(Staging.memoryBytes(ONE_BLOCK, 0)),
                                0,
                                owner::close,
                                Clock.SYSTEM);
                StagingBlock withTheSink = Objects.requireNonNull(staging.poll());
                PageCopies copies = new PageCopies(page, staging, barrier, 0);
                FutureTask<Boolean> copying = new FutureTask<>(() -> copies.copy(0));
                Thread writer = Thread.ofPlatform().name("writer").start(copying);
                awaitWaiting(writer);
                copies.fail(new IOException("disk full"));
                staging.recycle(withTheSink); // as the sink does at its end
                copies.awaitCopies();
                staging.close();
                copying.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                assertThat(copies.copy(0)).as("after the failure").isFalse();
            }
        }
    }

    private static void awaitWaiting(Thread thread) {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (thread.getState() != Thread.State.TIMED_WAITING) {
            assertThat(System.nanoTime()).as("the writer waits for staging").isLessThan(until);
            Thread.onSpinWait();
        }
    }
}
