package dev.stillframe.tests.arena;

import dev.stillframe.engine.nativearena.NativeArena;
import dev.stillframe.tests.emulated.Repeating;
import dev.stillframe.tests.oracle.OracleMemory;
import dev.stillframe.tests.oracle.OracleShape;
import dev.stillframe.tests.oracle.SimulatedOracle;
import dev.stillframe.tests.target.Signals;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** The oracle's writers, storing plainly into an arena's segment until they are closed. */
final class Writers implements AutoCloseable {
    private final AtomicLong stores = new AtomicLong();
    private final List<Repeating> threads = new ArrayList<>();

    /** Starts them. */
    Writers(OracleShape shape, NativeArena arena) {
        SimulatedOracle oracle = new SimulatedOracle(shape, OracleMemory.of(arena.segment()));
        for (int i = 0; i < shape.threads(); i++) {
            int thread = i;
            threads.add(
                    new Repeating(
                            "arena-writer-" + i,
                            () -> {
                                oracle.step(thread);
                                stores.incrementAndGet();
                            }));
        }
    }

    /** Waits until they have stored some more. */
    void awaitProgress() throws Exception {
        long from = stores.get();
        Signals.await("more stores", () -> stores.get() > from + 1000);
    }

    @Override
    public void close() {
        threads.forEach(Repeating::close);
    }
}
