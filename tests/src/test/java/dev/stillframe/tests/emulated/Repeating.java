package dev.stillframe.tests.emulated;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A thread that does something again and again until it is closed, which throws what ended it
 * before.
 */
public final class Repeating implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(40);

    private final Thread thread;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean stopped;

    /** What it does. */
    @FunctionalInterface
    public interface Step {
        void run() throws Exception;
    }

    /** Starts it. */
    public Repeating(String name, Step step) {
        thread = Thread.ofPlatform().name(name).start(() -> repeat(step));
    }

    private void repeat(Step step) {
        try {
            while (!stopped) {
                step.run();
            }
        } catch (Throwable t) { // the thread's top
            failure.set(t);
        }
    }

    @Override
    public void close() {
        stopped = true;
        try {
            if (!thread.join(PATIENCE)) {
                throw new AssertionError(thread.getName() + " did not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting for " + thread.getName(), e);
        }
        Throwable known = failure.get();
        if (known != null) {
            throw new AssertionError(thread.getName() + " failed", known);
        }
    }
}
