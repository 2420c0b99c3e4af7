package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The window between look and store is some nanoseconds long: here a writer is held in it. */
@Timeout(60)
class WriteBarrierTest {
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final Duration LONG = Duration.ofSeconds(30);

    private final WriteBarrier barrier = new WriteBarrier(2);

    @Test
    void noInstantBeforeAWriterInItsWindowHasLeftIt() throws Exception {
        barrier.write(0, () -> {}); // stamped: the open way is free
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        AtomicBoolean opened = new AtomicBoolean();
        Thread writer = Thread.ofPlatform().start(() -> hold(opened, inside, leave));
        inside.await();
        assertThat(opened.get()).isTrue();
        assertThatThrownBy(() -> barrier.arm(SHORT))
                .isInstanceOf(ArenaException.class)
                .hasMessageContaining("a writer did not finish its write within 50 ms");
        assertThat(tryOpen(0)).as("as before").isTrue();
        leave.countDown();
        barrier.arm(LONG);
        assertThat(tryOpen(0)).as("the open way while T0 is prepared").isFalse();
        barrier.disarm();
        assertThat(tryOpen(0)).isTrue();
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
