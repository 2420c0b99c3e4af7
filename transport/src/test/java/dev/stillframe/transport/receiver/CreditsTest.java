package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.transport.Seed;
import dev.stillframe.transport.wire.ProtocolException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CreditsTest {
    private static final int SHARED = 12;
    private static final int MOST = 10;

    private final Credits credits =
            new Credits(
                    new ReceiverLimits(
                            9, 9, 9, 9, MOST, SHARED, 0, 1, 1, ReceiverLimits.Deadlines.DEFAULT));

    @Test
    void aSessionAloneGetsWhatOneMayHave() {
        assertThat(credits.open().grant()).isEqualTo(MOST);
    }

    @Test
    void theSharedMemoryIsDividedEvenly() throws Exception {
        Credits.Window first = credits.open();
        assertThat(first.grant()).isEqualTo(MOST);
        Credits.Window second = credits.open();
        assertThat(second.grant()).isEqualTo(ReceiverLimits.MIN_CREDITS + SHARED - 8);
        for (int i = 0; i < MOST; i++) { // the first one gives back until both have the same
            first.receive();
            first.release();
        }
        assertThat(first.grant() - MOST).isEqualTo(ReceiverLimits.MIN_CREDITS + SHARED / 2);
        assertThat(second.grant()).isEqualTo(ReceiverLimits.MIN_CREDITS + SHARED / 2);
    }

    @Test
    void oneBatchTooManyIsRefused() throws Exception {
        Credits.Window window = credits.open();
        for (long left = window.grant(); left > 0; left--) {
            window.receive();
        }
        assertThatThrownBy(window::receive)
                .isInstanceOf(ProtocolException.class)
                .hasMessageContaining("10 granted");
    }

    /** However sessions come, go, send and release. */
    @Test
    void whatIsHeldNeverExceedsTheMemory() throws Exception {
        record Held(Credits.Window window, long[] sent, long[] released) {
            long onTheWay() {
                return window.grant() - released[0];
            }
        }
        Random random = Seed.random();
        List<Held> open = new ArrayList<>();
        for (int turn = 0; turn < 20_000; turn++) {
            int dice = random.nextInt(10);
            if (dice == 0 && open.size() < 9) {
                open.add(new Held(credits.open(), new long[1], new long[1]));
            } else if (dice == 1 && !open.isEmpty()) {
                open.remove(random.nextInt(open.size())).window().close();
            } else if (!open.isEmpty()) {
                Held held = open.get(random.nextInt(open.size()));
                if (held.sent()[0] > held.released()[0] && random.nextBoolean()) {
                    held.released()[0]++;
                    held.window().release();
                } else if (held.sent()[0] < held.window().grant()) {
                    held.sent()[0]++;
                    held.window().receive();
                }
            }
            long all = open.stream().mapToLong(Held::onTheWay).sum();
            assertThat(all)
                    .isLessThanOrEqualTo(SHARED + (long) open.size() * ReceiverLimits.MIN_CREDITS);
            for (Held held : open) {
                assertThat(held.onTheWay())
                        .isBetween((long) ReceiverLimits.MIN_CREDITS, (long) MOST);
            }
        }
    }
}
