package dev.stillframe.transport;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.cumulative.CumulativeCounter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.concurrent.atomic.AtomicReference;

/** An error of the virtual machine at one place, once. Thread-safe. */
public final class Fault {
    /** What is thrown says so. */
    public static final String WORDS = "injected";

    private final AtomicReference<String> place;

    /** To happen when {@code where} is passed. */
    public Fault(String where) {
        place = new AtomicReference<>(where);
    }

    /** Throws if this is the place, the first time. */
    public void pass(String where) {
        String now = place.get();
        if (now.equals(where) && place.compareAndSet(now, "")) {
            throw new OutOfMemoryError(WORDS + " at " + where);
        }
    }

    /** Whether it has happened. */
    public boolean hasHappened() {
        return place.get().isEmpty();
    }

    /** A registry whose counters pass their own names. */
    public SimpleMeterRegistry registry() {
        return new SimpleMeterRegistry() {
            @Override
            protected Counter newCounter(Meter.Id id) {
                return new CumulativeCounter(id) {
                    @Override
                    public void increment(double amount) {
                        pass(id.getName());
                        super.increment(amount);
                    }
                };
            }
        };
    }
}
