package dev.stillframe.engine.staging;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MockClock;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class StagingTest {
    private static final long BLOCK_NANOS = 100_000_000;

    @Test
    void faultsGoOnAsTheyComeWhileHalfOfTheReserveIsThere() {
        try (Pool pool = new Pool(64)) {
            pool.takeUntilFree(9); // of 16 that are reserved, and one for each of two workers

            assertThat(pool.staging.isScarce()).isTrue();
            assertThat(pool.staging.scarceBlockNanos()).isZero();
        }
    }

    @Test
    void faultsHaveTheSinksSpeedWhileAQuarterOfTheReserveIsThere() {
        try (Pool pool = new Pool(64)) {
            pool.sinkTakesOneEach(BLOCK_NANOS);
            pool.takeUntilFree(4);

            assertThat(pool.staging.scarceBlockNanos()).isBetween(BLOCK_NANOS, BLOCK_NANOS * 5 / 4);
        }
    }

    @Test
    void faultsAreSlowerTheLessIsLeft() {
        try (Pool pool = new Pool(64)) {
            pool.sinkTakesOneEach(BLOCK_NANOS);
            pool.takeUntilFree(4);
            long before = pool.staging.scarceBlockNanos();
            pool.takeUntilFree(1);

            assertThat(pool.staging.scarceBlockNanos()).isGreaterThan(before);
        }
    }

    @Test
    void faultsAreSlowerAtOnceWhenTheSinkStands() {
        try (Pool pool = new Pool(64)) {
            pool.sinkTakesOneEach(BLOCK_NANOS);
            pool.takeUntilFree(4);
            long before = pool.staging.scarceBlockNanos();
            pool.clock.add(Duration.ofNanos(3 * BLOCK_NANOS));

            assertThat(pool.staging.scarceBlockNanos()).isGreaterThan(2 * before);
        }
    }

    /** Staging of two workers, and what is taken of it. */
    private static final class Pool implements AutoCloseable {
        private final MockClock clock = new MockClock();
        private final Deque<StagingBlock> taken = new ArrayDeque<>();
        private final Staging staging;

        Pool(int blocks) {
            Arena arena = Arena.ofShared();
            staging =
                    new Staging(
                            arena.allocate(blocks * StagingBlock.BYTES, StagingBlock.BYTES),
                            2,
                            arena::close,
                            clock);
        }

        void takeUntilFree(int left) {
            while (staging.freeBlocks() > left) {
                taken.add(Objects.requireNonNull(staging.poll()));
            }
        }

        /** Long enough to be sure of its speed. */
        void sinkTakesOneEach(long nanos) {
            takeUntilFree(0);
            for (int block = 0; block < 40; block++) {
                clock.add(Duration.ofNanos(nanos));
                staging.recycle(taken.remove());
            }
        }

        @Override
        public void close() {
            staging.close();
        }
    }
}
