package dev.stillframe.transport.sender;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.Seed;
import dev.stillframe.transport.client.Backoff;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class BackoffTest {
    @Test
    void waitsBecomeLongerUpToALimitUntilThereIsProgress() {
        Backoff backoff = new Backoff(Seed.random());
        for (int turn = 0; turn < 3; turn++) {
            long whole = TimeUnit.MILLISECONDS.toNanos(50);
            for (int attempt = 0; attempt < 20; attempt++) {
                assertThat(backoff.nextNanos()).isBetween(whole / 2, whole);
                whole = Math.min(TimeUnit.SECONDS.toNanos(5), 2 * whole);
            }
            backoff.reset();
        }
    }
}
