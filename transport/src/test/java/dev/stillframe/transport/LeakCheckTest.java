package dev.stillframe.transport;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The check that the others rely on can fail. */
@Timeout(60)
class LeakCheckTest {
    @Test
    void aBufferThatIsNotReleasedIsNoticed() {
        LeakCheck check = new LeakCheck();
        check.watch();
        leak();
        Loopback.await(
                () -> {
                    check.collect();
                    return !check.leaks().isEmpty();
                });
        check.stop();
        assertThat(check.leaks()).allMatch(leak -> leak.contains("LEAK"));
    }

    private static void leak() {
        assertThat(ByteBufAllocator.DEFAULT.directBuffer(16).writeInt(1).readableBytes())
                .isEqualTo(4);
    }
}
