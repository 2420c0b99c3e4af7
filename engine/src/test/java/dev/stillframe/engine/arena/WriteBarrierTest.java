package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The window between look and store is some nanoseconds long: here a writer is held in it. */
@Timeout(60)
class WriteBarrierTest {
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final Duration LONG = Duration.ofSeconds(30);

    private final WriteBarrier barrier = new WriteBarrier(2, Clock.SYSTEM);

    @Test
    void noInstantBeforeAWriterInItsWindowHasLeftIt() throws Exception {
        barrier.write(0, () -> {}); // stamped: the open way is free
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        AtomicBoolean opened = new AtomicBoolean();
        Thread writer = Thread.ofPlatform().start(() -> hold(opened, inside, leave));
        inside.await();
        assertThat(opened.get()).isTrue();
        assertThatThrownBy(() -> barrier.instant(new NoPages(barrier.nextEpoch()), SHORT))
                .isInstanceOf(ArenaException.class)
                .hasMessageContaining("a writer did not finish its write within 50 ms");
        assertThat(tryOpen(0)).as("as before").isTrue();
        leave.countDown();
        int before = barrier.epoch();
        barrier.instant(new NoPages(barrier.nextEpoch()), LONG);
        assertThat(barrier.epoch()).isEqualTo(before + 2);
        assertThat(tryOpen(0)).as("the stamp is of the epoch before").isFalse();
        assertThat(writer.join(LONG)).isTrue();
    }

    @Test
    void onlyAPageThatWasStampedInThisEpochIsOpenAndNoOtherExists() {
        assertThat(tryOpen(1)).isFalse();
        barrier.write(1, () -> {});
        assertThat(tryOpen(1)).isTrue();
        assertThat(tryOpen(-1)).isFalse();
        assertThat(tryOpen(2)).isFalse();
    }

    @Test
    void whateverIsThrownBeforeTheInstantTheOpenWayIsOpenAgain() {
        barrier.write(0, () -> {});
        List<Boolean> opened = new ArrayList<>();
        WriteBarrier.Copying failing =
                new WriteBarrier.Copying() {
                    @Override
                    public int epoch() {
                        opened.add(tryOpen(0));
                        throw new AssertionError("the last moment before T0");
                    }

                    @Override
                    public boolean copy(int page) {
                        return true;
                    }
                };
        int before = barrier.epoch();
        assertThatThrownBy(() -> barrier.instant(failing, LONG))
                .hasMessage("the last moment before T0");
        assertThat(opened).as("the open way while T0 is prepared").containsExactly(false);
        assertThat(barrier.epoch()).isEqualTo(before);
        assertThat(tryOpen(0)).isTrue();
        barrier.enterUnit(); // nobody holds the other side
        barrier.leaveUnit();
    }

    /** A snapshot that wants nothing. */
    private record NoPages(int epoch) implements WriteBarrier.Copying {
        @Override
        public boolean copy(int page) {
            return true;
        }
    }

    private void hold(AtomicBoolean opened, CountDownLatch inside, CountDownLatch leave) {
        long[] slot = WriterSlots.mine();
        opened.set(barrier.begin(slot, 0));
        inside.countDown();
        try {
            leave.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        } finally {
            WriterSlots.leave(slot);
        }
    }

    private boolean tryOpen(int page) {
        long[] slot = WriterSlots.mine();
        boolean open = barrier.begin(slot, page);
        if (open) {
            WriterSlots.leave(slot);
        }
        return open;
    }
}
