package dev.stillframe.tests.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;

/**
 * Hands pages on to another sink no faster than a receiver with a given bandwidth would. Owned by
 * one thread.
 */
public final class ThrottledSink extends ForwardingSink {
    private final long bytesPerSecond;
    private long firstNanos;
    private long takenBytes;

    /** In front of {@code next}, at most {@code bytesPerSecond} of page data. */
    public ThrottledSink(PageSink next, long bytesPerSecond) {
        super(next);
        this.bytesPerSecond = bytesPerSecond;
    }

    @Override
    public void begin(Layout layout) throws IOException {
        firstNanos = System.nanoTime();
        super.begin(layout);
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        takenBytes += batch.dataBytes();
        long due = firstNanos + (long) (takenBytes * 1e9 / bytesPerSecond);
        for (long wait = due - System.nanoTime(); wait > 0; wait = due - System.nanoTime()) {
            LockSupport.parkNanos(wait);
        }
        super.accept(batch);
    }
}
