package dev.stillframe.engine.capture;

import dev.stillframe.engine.staging.Drain;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** What went wrong first, on whatever thread of a snapshot. Thread-safe. */
final class Failure implements Drain.Failures {
    private final AtomicReference<@Nullable Throwable> first = new AtomicReference<>();

    @Override
    public void fail(Throwable cause) {
        first.compareAndSet(null, cause);
    }

    @Override
    public boolean hasFailed() {
        return first.get() != null;
    }

    /** Throws it, if there is anything, or that the calling thread was interrupted. */
    void check() throws IOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException("interrupted");
        }
        switch (first.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException("capture", e);
        }
    }
}
