package dev.stillframe.transport.sender;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RateLimitTest {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private final RateLimit limit = new RateLimit(1000);

    @Test
    void whatIsSentIsPaidForByResting() {
        assertThat(limit.take(500, 0)).isEqualTo(SECOND / 2);
        assertThat(limit.take(500, 0)).isEqualTo(SECOND);
        assertThat(limit.take(100, SECOND / 2)).isEqualTo(SECOND * 6 / 10);
    }

    @Test
    void timeInWhichNothingWasSentIsNotSaved() {
        limit.take(500, 0);
        assertThat(limit.take(500, 10 * SECOND)).isEqualTo(SECOND / 2);
    }

    @Test
    void anotherLimitHoldsAtOnce() {
        limit.take(1_000_000, 0);
        limit.set(2000);
        assertThat(limit.take(1000, 1)).isEqualTo(SECOND / 2);
        limit.set(RateLimit.UNLIMITED);
        assertThat(limit.take(1_000_000, 2)).isZero();
    }

    @Test
    void aRateIsNotNegative() {
        assertThatThrownBy(() -> limit.set(-1)).isInstanceOf(IllegalArgumentException.class);
        assertThat(limit.bytesPerSecond()).isEqualTo(1000);
    }
}
