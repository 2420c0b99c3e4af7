package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A snapshot that fails at any of its steps, by whatever is thrown there, leaves no trace: writers
 * go on, and the next image is of one instant, though they never stop.
 */
@Timeout(120)
class FailingStepsTest {
    private static final int PAGE = MemoryArena.PAGE_BYTES;
    private static final int PAIRS = 256;
    private static final long SIZE = 2L * PAIRS * PAGE;

    private final AtomicReference<Consumer<String>> steps = new AtomicReference<>(step -> {});
    private final MemoryArena arena =
            new EmulatedArena("test", SIZE, Clock.SYSTEM, step -> steps.get().accept(step));

    @TempDir Path folder = Path.of("");

    @AfterEach
    void closeArena() {
        arena.close();
    }

    /** The n-th step. */
    private static final class FailingStep implements Consumer<String> {
        private final int failing;
        private int taken;

        FailingStep(int failing) {
            this.failing = failing;
        }

        @Override
        public void accept(String step) {
            if (taken++ == failing) {
                throw new OutOfMemoryError("at step " + step);
            }
        }
    }

    /** Where a sink can fail. */
    private enum Call {
        BEGIN,
        ACCEPT,
        FINISH
    }

    private static final class FailingSink extends ForwardingSink {
        private final Call failing;

        FailingSink(PageSink next, Call failing) {
            super(next);
            this.failing = failing;
        }

        private void at(Call call) {
            if (call == failing) {
                throw new AssertionError("at " + call);
            }
        }

        @Override
        public void begin(Layout layout) throws IOException {
            at(Call.BEGIN);
            super.begin(layout);
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            super.accept(batch);
            at(Call.ACCEPT);
        }

        @Override
        public String finish(Ending ending) throws IOException {
            at(Call.FINISH);
            return super.finish(ending);
        }
    }

    /**
     * Writes a number to a page of the first half and then to its partner, so that an image that is
     * torn shows it.
     */
    private final class Writer implements AutoCloseable {
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile boolean stopped;
        private final Thread thread = Thread.ofPlatform().name("pairs").start(this::run);

        private void run() {
            try {
                for (long n = 1; !stopped; n++) {
                    arena.putLong(n % PAIRS * PAGE, n);
                    arena.putLong((PAIRS + n % PAIRS) * PAGE, n);
                }
            } catch (Throwable t) { // the thread's top
                failure.set(t);
            }
        }

        @Override
        public void close() {
            stopped = true;
            try {
                assertThat(thread.join(Duration.ofSeconds(30))).isTrue();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            assertThat(failure.get()).as("a writer is harmed").isNull();
        }
    }

    @Test
    void afterAnErrorAtAnyStepWritersGoOnAndTheNextImageIsOneInstant() throws IOException {
        List<String> known = new ArrayList<>();
        steps.set(known::add);
        arena.snapshot(new DiscardingSink());
        assertThat(known).hasSizeGreaterThan(4);
        try (Writer _ = new Writer()) {
            for (int step = 0; step < known.size(); step++) {
                steps.set(new FailingStep(step));
                String name = known.get(step);
                assertThatThrownBy(() -> arena.snapshot(new DiscardingSink()))
                        .isInstanceOf(OutOfMemoryError.class)
                        .hasMessage("at step " + name);
                steps.set(_ -> {});
                checkNext("after " + name);
            }
        }
    }

    @Test
    void afterAnErrorOfTheSinkTooAndNoWriterIsToldOfIt() throws IOException {
        try (Writer _ = new Writer()) {
            for (Call call :
                    Stream.of(Call.values())
                            .flatMap(c -> Stream.generate(() -> c).limit(10))
                            .toList()) {
                assertThatThrownBy(
                                () -> arena.snapshot(new FailingSink(new DiscardingSink(), call)))
                        .isInstanceOf(AssertionError.class)
                        .hasMessage("at " + call);
            }
            checkNext("after errors of the sink");
        }
    }

    private void checkNext(String what) throws IOException {
        Path image = folder.resolve(what.replace(' ', '-'));
        arena.snapshot(ImageWriter.create(image));
        try (ImageReader reader = ImageReader.open(image);
                Arena scratch = Arena.ofConfined()) {
            MemorySegment bytes = scratch.allocate(SIZE, Long.BYTES);
            assertThat(reader.read(new AddressRange(0, SIZE), bytes)).as(what).isEmpty();
            long newest = 0;
            for (int pair = 0; pair < PAIRS; pair++) {
                newest = Math.max(newest, word(bytes, pair));
            }
            for (long n = newest; n > Math.max(0, newest - PAIRS); n--) {
                assertThat(word(bytes, n % PAIRS)).as(what).isEqualTo(n);
                long second = word(bytes, PAIRS + n % PAIRS);
                boolean isNotYet = n == newest && second == Math.max(0, n - PAIRS);
                assertThat(second == n || isNotYet).as("%s: %d and %d", what, n, second).isTrue();
            }
        }
    }

    private static long word(MemorySegment bytes, long page) {
        return bytes.get(ValueLayout.JAVA_LONG, page * PAGE);
    }
}
