package dev.stillframe.transport.receiver;

import com.fasterxml.jackson.core.JsonProcessingException;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.page.Ending;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.Missing;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The thread of a session, and the sink, which only this thread touches. Its methods are called by
 * the event loop and return at once; results go to the {@link Outcome}. After a failure or {@link
 * #end} nothing more reaches the sink but its abort and close.
 */
final class SessionWorker {
    private static final Logger LOG = LoggerFactory.getLogger(SessionWorker.class);

    /** Tasks of a session besides its batches: open, begin, finish, end, and some room. */
    private static final int OTHER_TASKS = 8;

    /** Where results go. Called on the worker's thread. */
    interface Outcome {
        /** A step is done. */
        void done(SessionState.Event event);

        /** The sink has taken a batch. */
        void taken(long sequence);

        /** A step failed; no further step is done. */
        void failed(ErrorCode code, String text);
    }

    private final Outcome outcome;
    private final ThreadPoolExecutor thread;
    private volatile boolean over;
    private @Nullable PageSink sink;
    private @Nullable String place;

    /** Starts no thread before it is needed. */
    SessionWorker(String threadName, int windowBatches, Outcome outcome) {
        this.outcome = outcome;
        this.thread =
                new ThreadPoolExecutor(
                        1,
                        1,
                        0,
                        TimeUnit.SECONDS,
                        new ArrayBlockingQueue<>(windowBatches + OTHER_TASKS),
                        task -> new Thread(task, threadName));
    }

    void open(SinkFactory factory, String imageName, Runnable onOpen) {
        step(
                ErrorCode.STORE,
                () -> {
                    sink = factory.open(imageName);
                    onOpen.run();
                    outcome.done(new SessionState.Event.Opened());
                });
    }

    void begin(List<byte[]> document) {
        step(
                ErrorCode.STORE,
                () -> {
                    Layout layout = DocumentReader.layout(document);
                    long pageCount = layout.pageCount();
                    if (pageCount > Limits.MAX_PAGES) {
                        throw new ImageFormatException(
                                "a layout of %d pages; at most %d are possible"
                                        .formatted(pageCount, Limits.MAX_PAGES));
                    }
                    opened().begin(layout);
                    SessionState.Shape shape =
                            new SessionState.Shape(layout.pageSizeBytes(), pageCount);
                    outcome.done(new SessionState.Event.Begun(shape));
                });
    }

    void store(Message.Batch batch) {
        thread.execute(
                () -> {
                    if (over) {
                        batch.pages().release();
                        return;
                    }
                    run(
                            ErrorCode.STORE,
                            () -> {
                                opened().accept(batch.pages());
                                outcome.taken(batch.sequence());
                            });
                });
    }

    void finish(List<byte[]> document, Message.End end) {
        step(
                ErrorCode.STORE,
                () -> {
                    List<Missing> missing = DocumentReader.missing(document);
                    String published = opened().finish(new Ending(missing, end.rootHash()));
                    place = published;
                    outcome.done(new SessionState.Event.Published(published));
                });
    }

    /**
     * The session is over; a step that runs now runs to its end, and a finish may yet succeed.
     * Called once.
     *
     * @param reason what to tell the sink if nothing was published
     * @param onClosed run at the end of the thread, when the sink is closed
     */
    void end(String reason, EndListener onClosed) {
        over = true;
        thread.execute(
                () -> {
                    PageSink known = sink;
                    if (known != null) {
                        try (known) {
                            if (place == null) {
                                known.abort(reason);
                            }
                        } catch (RuntimeException e) { // the thread's top
                            LOG.error("the sink of a session could not be closed", e);
                        }
                    }
                    onClosed.closed(place);
                });
        thread.shutdown();
    }

    /** Told how it ended, on the worker's thread. */
    @FunctionalInterface
    interface EndListener {
        /** {@code place} is where the image was published, or null if it was not. */
        void closed(@Nullable String place);
    }

    /** Waits for the end of the thread after {@link #end}; whether it has ended. */
    boolean awaitEnd(Duration deadline) throws InterruptedException {
        return thread.awaitTermination(deadline.toNanos(), TimeUnit.NANOSECONDS);
    }

    private void step(ErrorCode ioCode, Step step) {
        thread.execute(
                () -> {
                    if (!over) {
                        run(ioCode, step);
                    }
                });
    }

    private void run(ErrorCode ioCode, Step step) {
        try {
            step.run();
        } catch (JsonProcessingException e) {
            fail(ErrorCode.DOCUMENT, "a document that cannot be read: " + e.getOriginalMessage());
        } catch (ImageFormatException e) {
            fail(ErrorCode.IMAGE, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            fail(ioCode, String.valueOf(e.getMessage()));
        } catch (Throwable t) { // the thread's top: the session must not hang
            LOG.error("a session failed in a way that it should not", t);
            fail(ErrorCode.INTERNAL, "the receiver failed: " + t);
        }
    }

    private void fail(ErrorCode code, String text) {
        over = true;
        outcome.failed(code, text);
    }

    private PageSink opened() {
        if (sink == null) {
            throw new IllegalStateException("no sink was opened");
        }
        return sink;
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }
}
