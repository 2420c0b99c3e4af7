package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.util.concurrent.TimeUnit;

/** Guests boot, work, verify themselves and end. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class GuestTest {
    @Test
    void aGuestBootsAndItsLoadGoesOnAndVerifiesItself() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(256, 64))) {
            guest.awaitRunning();
            long steps = guest.step();
            guest.awaitSteps(100_000);
            guest.awaitPasses(2);
            assertThat(guest.step()).isGreaterThanOrEqualTo(steps + 100_000);
            assertThat(guest.isBroken()).as(guest.lastWords()).isFalse();
        }
    }
}
