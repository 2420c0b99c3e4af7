package dev.stillframe.engine.capture;

import java.lang.reflect.Constructor;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Real code that runs on the calling thread, up to its next {@link Thread#yield}: a virtual thread
 * whose scheduler is its owner. The platform has no public way to give one a scheduler.
 */
final class Coroutine {
    private final AtomicReference<@Nullable Runnable> next = new AtomicReference<>();
    private final Thread thread;

    Coroutine(String name, Runnable body) {
        thread = builder(next::set).name(name).unstarted(body);
        thread.start();
    }

    private static Thread.Builder.OfVirtual builder(Executor scheduler) {
        try {
            Constructor<?> made =
                    Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder")
                            .getDeclaredConstructor(Executor.class);
            made.setAccessible(true);
            return (Thread.Builder.OfVirtual) made.newInstance(scheduler);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("java.lang of this JDK", e);
        }
    }

    /** Goes on to the next yield or to the end. */
    void resume() {
        Runnable part = next.getAndSet(null);
        if (part == null) {
            throw new IllegalStateException(
                    thread.getName() + " waits for something other than its turn");
        }
        part.run();
    }

    boolean hasEnded() {
        return !thread.isAlive();
    }
}
