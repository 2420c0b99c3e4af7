package dev.stillframe.agent.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.sender.RateLimit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The file with the rate is looked at for as long as it is open. */
@Timeout(60)
class RateFileTest {
    @TempDir private Path directory = Path.of("");

    /** A timer's thread runs no task again that failed, and says so to nobody. */
    @Test
    void anErrorIsNotTheEndOfLooking() throws Exception {
        Path file = Files.writeString(directory.resolve("rate"), "10");
        RateLimit limit = new RateLimit(RateLimit.UNLIMITED);
        CountDownLatch failed = new CountDownLatch(1);
        CountDownLatch goneOn = new CountDownLatch(1);
        try (RateFile _ = new RateFile(file, text -> parse(text, failed, goneOn), limit)) {
            Files.writeString(file, "20");
            assertThat(failed.await(20, TimeUnit.SECONDS)).isTrue();
            Files.writeString(file, "30");
            assertThat(goneOn.await(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static long parse(String text, CountDownLatch failed, CountDownLatch goneOn) {
        switch (text) {
            case "20" -> {
                failed.countDown();
                throw new OutOfMemoryError("injected");
            }
            case "30" -> goneOn.countDown();
            default -> {}
        }
        return 10;
    }
}
