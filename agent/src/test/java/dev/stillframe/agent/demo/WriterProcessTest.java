package dev.stillframe.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.agent.demo.Oracle.Verdict;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The real writer and the real kernel: a process that is stopped is at one instant, one that runs
 * is not.
 */
@Timeout(60)
class WriterProcessTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Pattern pattern = new Pattern(3, 2048);

    @Test
    void aStoppedWriterIsOneInstant() throws IOException, InterruptedException {
        try (WriterProcess writer = WriterProcess.start(pattern, 0)) {
            assertThat(writer.memory().sizeBytes()).isEqualTo(pattern.sizeBytes());
            awaitSample(writer);
            for (int round = 0; round < 10; round++) {
                try (StoppedProcess _ = StoppedProcess.stop(writer.pid())) {
                    Verdict verdict = judge(writer);
                    assertThat(verdict.deviations()).as("steps %s", verdict.steps()).isEmpty();
                    assertThat(verdict.steps()).allMatch(step -> step > 0);
                }
            }
            assertThat(writer.isAlive()).isTrue();
        }
    }

    @Test
    void theWriterEndsWithWhoeverStartedIt() throws IOException, InterruptedException {
        WriterProcess writer = WriterProcess.start(pattern, 1000);
        assertThat(writer.isAlive()).isTrue();
        writer.close();
        assertThat(writer.isAlive()).isFalse();
        writer.close();
    }

    private void awaitSample(WriterProcess writer) throws InterruptedException {
        long now = System.nanoTime();
        assertThat(writer.rates().await(now, now + PATIENCE.toNanos())).isTrue();
    }

    private Verdict judge(WriterProcess writer) throws IOException {
        long start = writer.memory().start();
        return Oracle.judge(
                pattern, (offset, into) -> StoppedProcess.read(writer.pid(), start + offset, into));
    }
}
