package dev.stillframe.engine.nativearena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import dev.stillframe.tests.emulated.EmulatedTarget;
import dev.stillframe.tests.emulated.EmulatedThreads;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Whatever becomes of the freeze, the gate is opened once it is over. */
class ArenaMemoryTest {
    private static final Duration BUDGET = Duration.ofMillis(100);

    private final CountingGate gate = new CountingGate();

    private static final class CountingGate implements ArenaMemory.Gate {
        private int closed;
        private int opened;

        @Override
        public void close() {
            closed++;
        }

        @Override
        public void open() {
            opened++;
        }
    }

    /** A process that can be stopped and let go, or not. */
    private record Fragile(boolean stops, boolean goesOn) implements Attachment {
        @Override
        public WriteTracker tracker() {
            throw new UnsupportedOperationException("not asked for here");
        }

        @Override
        public WriteMarks marks() {
            throw new UnsupportedOperationException("not asked for here");
        }

        @Override
        public void watch(ExitListener listener, Consumer<Throwable> lost) {}

        @Override
        public Standing freeze(Duration budget) {
            if (!stops) {
                throw new AssertionError("a thread does not stop");
            }
            return new Standing(List.of(), 0);
        }

        @Override
        public List<ThreadState> states() {
            return List.of();
        }

        @Override
        public void thaw() throws IOException {
            if (!goesOn) {
                throw new IOException("a thread does not go on");
            }
        }

        @Override
        public void close() {}
    }

    private Attachment hold(Attachment process) {
        Mmu mmu = new Mmu(CowPolicy.MODERN);
        EmulatedTarget target =
                new EmulatedTarget(
                        mmu, new EmulatedThreads(mmu.newProcess(), Duration.ofSeconds(1)));
        return new ArenaMemory(target, new AddressRange(0, 4096), "test", gate).hold(process);
    }

    @Test
    void itIsOpenedByTheThawAndNotAgain() throws IOException {
        try (Attachment hold = hold(new Fragile(true, true))) {
            hold.freeze(BUDGET);
            assertThat(gate.closed).isEqualTo(1);
            assertThat(gate.opened).isZero();
            hold.thaw();
        }
        assertThat(gate.opened).isEqualTo(1);
    }

    @Test
    void aFreezeThatFailsOpensItAtTheEnd() {
        try (Attachment hold = hold(new Fragile(false, true))) {
            assertThatThrownBy(() -> hold.freeze(BUDGET)).isInstanceOf(AssertionError.class);
        }
        assertThat(gate.opened).isEqualTo(1);
    }

    @Test
    void aThawThatFailsOpensItToo() throws IOException {
        try (Attachment hold = hold(new Fragile(true, false))) {
            hold.freeze(BUDGET);
            assertThatThrownBy(hold::thaw).isInstanceOf(IOException.class);
            assertThat(gate.opened).isEqualTo(1);
        }
        assertThat(gate.opened).isEqualTo(1);
    }

    @Test
    void whereNothingWasFrozenItIsLeftAlone() {
        hold(new Fragile(true, true)).close();
        assertThat(gate.opened).isZero();
    }
}
