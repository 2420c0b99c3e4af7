package dev.stillframe.engine.time;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MockClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class DeadlineTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private final MockClock clock = new MockClock();

    @Test
    void itPassesAtItsMoment() {
        Deadline deadline = Deadline.in(clock, MINUTE);
        clock.add(MINUTE.minusNanos(1));
        assertThat(deadline.hasPassed()).isFalse();
        clock.add(Duration.ofNanos(1));
        assertThat(deadline.hasPassed()).isTrue();
    }

    @Test
    void noWaitAtAllIsOverAtOnce() {
        assertThat(Deadline.in(clock, Duration.ZERO).hasPassed()).isTrue();
    }

    @Test
    void whatIsLeftIsWhatTheClockSays() {
        Deadline deadline = Deadline.in(clock, MINUTE);
        clock.add(Duration.ofSeconds(59));
        assertThat(deadline.leftNanos()).isEqualTo(Duration.ofSeconds(1).toNanos());
    }

    /** More nanoseconds than a number has room for, as of whoever means for ever. */
    @Test
    void theLongestWaitDoesNotOverflow() {
        Deadline deadline = Deadline.in(clock, Duration.ofSeconds(Long.MAX_VALUE));
        assertThat(deadline.hasPassed()).isFalse();
        clock.add(Duration.ofDays(366));
        assertThat(deadline.hasPassed()).isTrue();
    }
}
