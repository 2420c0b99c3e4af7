package dev.stillframe.tests.image;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A sink that stops being one after some batches: it throws, as when a disk is full, or takes
 * nothing more, as when a receiver stalls. Thread-safe.
 */
public final class FailingSink implements PageSink {
    /** What it does when its time has come. */
    public enum Failure {
        /** Throws from {@code accept}. */
        THROW,
        /** Blocks in {@code accept} until it is aborted, closed or interrupted. */
        STALL
    }

    private static final long MOST_SECONDS = 60;

    private final Failure failure;
    private final CountDownLatch given = new CountDownLatch(1);
    private int batchesLeft;
    private volatile boolean finished;

    /** Takes {@code batches} batches before it fails. */
    public FailingSink(Failure failure, int batches) {
        this.failure = failure;
        this.batchesLeft = batches;
    }

    /** Whether {@code finish} was called, which must not be. */
    public boolean isFinished() {
        return finished;
    }

    @Override
    public void begin(Layout layout) {}

    @Override
    public void amend(Layout layout) {}

    @Override
    public void accept(PageBatch batch) throws IOException {
        try {
            if (batchesLeft-- > 0) {
                return;
            }
            if (failure == Failure.STALL && !given.await(MOST_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException("nobody gave up for " + MOST_SECONDS + " s");
            }
            throw new IOException("disk full, for the sake of the test");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while stalled", e);
        } finally {
            batch.release();
        }
    }

    @Override
    public String finish(Ending ending) {
        finished = true;
        return "nowhere";
    }

    @Override
    public void abort(String reason) {
        given.countDown();
    }

    @Override
    public void close() {
        given.countDown();
    }
}
