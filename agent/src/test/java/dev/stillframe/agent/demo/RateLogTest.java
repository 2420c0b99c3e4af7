package dev.stillframe.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RateLogTest {
    private static final long MS = 1_000_000;

    private final RateLog log = new RateLog();

    @Test
    void slowedTimeIsTheLengthOfTheSlowIntervals() {
        long steps = 0;
        for (int index = 0;
                index <= 100;
                index++) { // 1,000 steps an interval; 100 from 500 ms to 700 ms
            log.add(index * 10L * MS, steps);
            steps += index >= 50 && index < 70 ? 100 : 1000;
        }
        double before = log.medianRate(0, 400 * MS);
        assertThat(before).isCloseTo(100_000, within(1.0));
        assertThat(log.nanosUnder(before / 2, 0, 1000 * MS)).isEqualTo(200 * MS);
        assertThat(log.nanosUnder(before / 2, 600 * MS, 1000 * MS)).isEqualTo(100 * MS);
        assertThat(log.nanosUnder(before / 2, 0, 400 * MS)).isZero();
    }

    @Test
    void aWriterThatIsStoppedAltogetherIsSlowForTheWholeGap() {
        log.add(0, 0);
        log.add(10 * MS, 1000);
        log.add(510 * MS, 1001);
        log.add(520 * MS, 2001);
        assertThat(log.nanosUnder(50_000, 0, 520 * MS)).isEqualTo(500 * MS);
    }

    @Test
    void withoutSamplesThereIsNoRate() throws InterruptedException {
        assertThat(log.medianRate(0, Long.MAX_VALUE)).isZero();
        assertThat(log.await(1, System.nanoTime())).isFalse();
        log.add(5, 1);
        assertThat(log.await(5, System.nanoTime())).isTrue();
    }

    @Test
    void whoeverWaitsLearnsThatTheWriterEnded() throws InterruptedException {
        long later = System.nanoTime() + Duration.ofMinutes(5).toNanos();
        log.add(5, 1);
        log.end();
        assertThat(log.hasEnded()).isTrue();
        assertThat(log.await(6, later)).isFalse();
        assertThat(log.await(5, later)).isTrue();
    }
}
