package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** Real threads on the model. */
class BlockingTaskTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @Test
    void writersWaitUntilAHandlerThreadHasAnswered() throws Exception {
        Machine m = new Machine();
        int pages = 16;
        int writers = 3;
        long start = m.guarded(pages);
        try (ExecutorService threads = Executors.newFixedThreadPool(writers)) {
            List<Future<?>> done = new ArrayList<>();
            for (int w = 0; w < writers; w++) {
                BlockingTask task = new BlockingTask(m.process.newTask(), PATIENCE, Clock.SYSTEM);
                int slot = 8 * w;
                done.add(
                        threads.submit(
                                () -> {
                                    for (int i = 0; i < 50 * pages; i++) {
                                        task.store(start + (long) (i % pages) * PAGE + slot, i, 8);
                                    }
                                    return null;
                                }));
            }
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!done.stream().allMatch(Future::isDone) && System.nanoTime() < deadline) {
                m.uffd.await(Deadline.in(Clock.SYSTEM, Duration.ofMillis(1)));
                for (Message message : m.messages()) {
                    m.uffd.unprotect(((Message.Fault) message).address(), PAGE);
                }
            }
            for (Future<?> each : done) {
                each.get(1, TimeUnit.SECONDS);
            }
        }
        assertThat(m.mmu.parked()).isEmpty();
        for (int page = 0; page < pages; page++) {
            for (int w = 0; w < writers; w++) {
                assertThat(m.task.load(start + (long) page * PAGE + 8L * w, 8))
                        .isEqualTo(Machine.done(49L * pages + page));
            }
        }
    }

    @Test
    void patienceEnds() {
        Machine m = new Machine();
        long page = m.guarded(1);
        BlockingTask task = new BlockingTask(m.task, Duration.ofMillis(1), Clock.SYSTEM);
        assertThatThrownBy(() -> task.store(page, 1, 1)).isInstanceOf(TimeoutException.class);
        assertThat(m.task.isParked()).isTrue();
    }
}
