package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.linux.Scheduling;
import io.micrometer.core.instrument.MockClock;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CpuLimitTest {
    private final MockClock clock = new MockClock();
    private final Failure failure = new Failure();

    private static void use(long nanos) {
        long until = Scheduling.processCpuNanos() + nanos;
        while (Scheduling.processCpuNanos() < until) {
            Thread.onSpinWait();
        }
    }

    @Test
    void whoHasUsedMoreThanHisPartWaits() {
        CpuLimit limit = new CpuLimit(0.5, clock);
        use(1_000_000);
        failure.fail(new IOException("it was waiting"));
        assertThatThrownBy(() -> limit.await(failure)).hasMessage("it was waiting");
    }

    @Test
    void whoHasUsedLessDoesNot() {
        CpuLimit limit = new CpuLimit(0.5, clock);
        use(1_000_000);
        clock.add(1, TimeUnit.HOURS);
        failure.fail(new IOException("it was waiting"));
        assertThatCode(() -> limit.await(failure)).doesNotThrowAnyException();
    }

    @Test
    void withoutALimitNobodyDoes() {
        CpuLimit limit = new CpuLimit(Double.POSITIVE_INFINITY, clock);
        use(1_000_000);
        failure.fail(new IOException("it was waiting"));
        assertThatCode(() -> limit.await(failure)).doesNotThrowAnyException();
    }
}
