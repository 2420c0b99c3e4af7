package dev.stillframe.engine.nativearena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.StampedLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Handlers that do not do what they should, played by a shell. */
@Timeout(60)
class HandlerProcessTest {
    private static final Duration LONG = Duration.ofHours(1);
    private static final Duration SHORT = Duration.ofMillis(200);

    private final StampedLock gate = new StampedLock();
    private final AtomicBoolean aborted = new AtomicBoolean();

    private final PageSink sink =
            new ForwardingSink(new DiscardingSink()) {
                @Override
                public void abort(String reason) {
                    aborted.set(true);
                }
            };

    private static HandlerProcess played(String script, HandlerProcess.Patience patience)
            throws IOException {
        return new HandlerProcess(
                new ProcessBuilder("sh", "-c", script).start(), patience, Clock.SYSTEM);
    }

    @Test
    void whoKeepsTheGateClosedAndSaysNothingIsEndedSoonAndTheGateIsOpen() throws IOException {
        try (HandlerProcess silent =
                played("printf G; exec sleep 3600", new HandlerProcess.Patience(LONG, SHORT))) {
            assertThatThrownBy(() -> silent.take(sink, 0, LONG, gate))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("ended with code 137");
        }
        assertNothingIsHeld();
    }

    @Test
    void whoSaysSomethingElseWithTheGateClosedFailsAndTheGateIsOpen() throws IOException {
        try (HandlerProcess odd =
                played("printf GX; exec sleep 3600", new HandlerProcess.Patience(LONG, LONG))) {
            assertThatThrownBy(() -> odd.take(sink, 0, LONG, gate))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("part 88 from the handler");
        }
        assertNothingIsHeld();
    }

    private void assertNothingIsHeld() {
        assertThat(aborted.get()).isTrue();
        assertThat(gate.tryWriteLock()).as("the gate is open").isNotZero();
    }
}
