package dev.stillframe.transport.receiver;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.image.ImageBusyException;
import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ParentMissingException;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.engine.page.DurableSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.transport.wire.DocumentReader;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.PageCheck;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread of a session, and the sink, which only this thread touches. Its methods are called by
 * the event loop and return at once; results go to the {@link Results}. After a failure or {@link
 * #end} nothing more reaches the sink but its end.
 */
final class SessionWorker {
    private static final Logger LOG = LoggerFactory.getLogger(SessionWorker.class);

    /** Tasks of a session besides its batches: open, begin, finish, end, a checkpoint. */
    private static final int OTHER_TASKS = 8;

    /** At least so often what has come is made durable. */
    private static final long CHECKPOINT_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    /** At least so much is made durable at once while more is waiting. */
    private static final long CHECKPOINT_BYTES = 128L << 20;

    /** Where results go. Called on the worker's thread. */
    interface Results {
        /** The sink is open, and has all batches up to this one. */
        void opened(long reached);

        /** A step is done. */
        void done(SessionState.Event event);

        /** All batches up to this one are durable. */
        void durable(long sequence);

        /** A step failed; no further step is done. */
        void failed(ErrorCode code, String text);
    }

    /** How the attempt ended. */
    sealed interface Ending {
        /** With an image. */
        record Published(String place) implements Ending {}

        /** It can be taken up again. */
        record Suspended() implements Ending {}

        /** With nothing. */
        record Failed() implements Ending {}
    }

    private final Message.Hello hello;
    private final Results results;
    private final Clock clock;
    private final ThreadPoolExecutor thread;
    private final Queue<Message.Batch> ordinary = new ConcurrentLinkedQueue<>();
    private final Queue<Message.Batch> urgent = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean checkpointAsked = new AtomicBoolean();
    private final PageCheck check = new PageCheck();
    private volatile boolean over;
    private @Nullable PageSink sink;
    private @Nullable String place;
    private boolean begun;
    private StoredBatches stored = new StoredBatches(Checkpoint.START);
    private Checkpoint durable = Checkpoint.START;
    private long unforcedBytes;
    private long forcedNanos;

    /** Starts no thread before it is needed. */
    SessionWorker(long session, Message.Hello hello, Results results, Clock clock) {
        this.hello = hello;
        this.results = results;
        this.clock = clock;
        this.forcedNanos = clock.monotonicTime();
        this.thread =
                new ThreadPoolExecutor(
                        1,
                        1,
                        0,
                        TimeUnit.SECONDS,
                        new ArrayBlockingQueue<>(Limits.MAX_CREDITS + OTHER_TASKS),
                        task -> Role.SESSION.unstarted(session, task));
    }

    /** What the parent of the image takes is of {@code heap}. */
    void open(SinkFactory factory, HeapAllowance heap) {
        enqueue(
                () -> {
                    Optional<String> known = published(factory);
                    if (known.isPresent()) {
                        place = known.get();
                        results.done(new SessionState.Event.Published(known.get()));
                        return;
                    }
                    PageSink opened =
                            factory.open(hello.imageName(), key(hello), parent(hello), heap);
                    sink = opened;
                    if (opened instanceof DurableSink kept) {
                        durable = kept.checkpoint();
                    }
                    if (durable.batches() < hello.durable()) {
                        fail(
                                ErrorCode.GONE,
                                "the receiver has nothing of the image %s behind batch %d, and the sender cannot send the first %d again"
                                        .formatted(
                                                hello.imageName(),
                                                durable.batches(),
                                                hello.durable()));
                        return;
                    }
                    stored = new StoredBatches(durable);
                    results.opened(durable.batches());
                    results.done(new SessionState.Event.Opened(durable));
                });
    }

    /** Where the image is, if an earlier attempt came to its end and only its answer was lost. */
    private Optional<String> published(SinkFactory factory) throws IOException {
        return isGiven(hello.rootHash())
                ? factory.published(hello.imageName(), hello.rootHash())
                : Optional.empty();
    }

    /** Also with a layout that amends the one before. */
    void begin(List<byte[]> document) {
        enqueue(
                () -> {
                    Layout layout = DocumentReader.layout(document);
                    long ordinals = layout.ordinalCount();
                    if (ordinals > Limits.MAX_PAGES) {
                        throw new ImageFormatException(
                                "a layout of %d pages; at most %d are possible"
                                        .formatted(ordinals, Limits.MAX_PAGES));
                    }
                    if (begun) {
                        if (stored.complete().batches() > durable.batches()) {
                            force(); // the round ends with all that came
                            results.durable(durable.batches());
                        }
                        opened().amend(layout);
                    } else {
                        opened().begin(layout);
                        begun = true;
                    }
                    SessionState.Shape shape =
                            new SessionState.Shape(layout.pageSizeBytes(), ordinals);
                    results.done(new SessionState.Event.Begun(shape, durable));
                });
    }

    /** Batches of the urgent lane come before all others that wait. */
    void store(Message.Batch batch, boolean isUrgent) {
        (isUrgent ? urgent : ordinary).add(batch);
        thread.execute(
                () -> {
                    Message.Batch next = urgent.poll();
                    if (next == null) {
                        next = ordinary.poll();
                    }
                    if (next != null) {
                        storeNow(next);
                    }
                });
    }

    private void storeNow(Message.Batch batch) {
        if (over) {
            batch.pages().release();
            return;
        }
        run(
                () -> {
                    boolean handed = false;
                    try {
                        check.check(batch);
                        long pages = pages(batch.pages());
                        long bytes = batch.pages().dataBytes();
                        handed = true;
                        opened().accept(batch.pages());
                        stored.add(batch.sequence(), pages);
                        unforcedBytes += bytes;
                    } catch (PageCheck.DamagedException e) {
                        fail(ErrorCode.DAMAGED, String.valueOf(e.getMessage()));
                        return;
                    } finally {
                        if (!handed) {
                            batch.pages().release();
                        }
                    }
                    forceIfDue();
                });
    }

    private static long pages(PageBatch batch) {
        long pages = 0;
        for (int run = 0; run < batch.runCount(); run++) {
            pages += batch.pageCount(run);
        }
        return pages;
    }

    /** To be called now and then: what came last must not wait for more to come. */
    void checkpointIfDue() {
        if (!over && checkpointAsked.compareAndSet(false, true)) {
            enqueue(
                    () -> {
                        checkpointAsked.set(false);
                        if (sink != null && place == null) {
                            forceIfDue();
                        }
                    });
        }
    }

    /**
     * While batches wait, the disk is forced for many of them at once; when none does, at once: the
     * sender may be waiting for its memory.
     */
    private void forceIfDue() throws IOException {
        long most = Math.min(CHECKPOINT_BYTES, Math.max(1, hello.retainBytes() / 2));
        if (stored.complete().batches() > durable.batches()
                && (!(sink instanceof DurableSink)
                        || (ordinary.isEmpty() && urgent.isEmpty())
                        || unforcedBytes >= most
                        || clock.monotonicTime() - forcedNanos > CHECKPOINT_NANOS)) {
            force();
            results.durable(durable.batches());
        }
    }

    private void force() throws IOException {
        Checkpoint reached = stored.complete();
        if (sink instanceof DurableSink kept) {
            kept.checkpoint(reached);
        }
        durable = reached;
        unforcedBytes = 0;
        forcedNanos = clock.monotonicTime();
    }

    void finish(List<byte[]> document, Message.End end) {
        enqueue(
                () -> {
                    List<Missing> missing = DocumentReader.missing(document);
                    String published =
                            opened().finish(
                                            new dev.stillframe.engine.instant.Ending(
                                                    missing, end.rootHash()));
                    place = published;
                    results.done(new SessionState.Event.Published(published));
                });
    }

    /**
     * The attempt is over; a step that runs now runs to its end, and a finish may yet succeed.
     * Called once.
     *
     * @param passing whether there may be another attempt
     * @param reason what to tell the sink if nothing was published
     * @param onClosed run at the end of the thread, when the sink is closed
     */
    void end(boolean passing, String reason, EndListener onClosed) {
        over = true;
        try {
            thread.execute(() -> onClosed.closed(close(passing, reason)));
        } catch (Throwable t) { // the system has no thread for it, and never had
            LOG.error("the end of a session has no thread", t);
            onClosed.closed(close(passing, reason));
        }
        thread.shutdown();
    }

    private Ending close(boolean passing, String reason) {
        Ending ending = place == null ? new Ending.Failed() : new Ending.Published(place);
        try {
            releaseAll(urgent);
            releaseAll(ordinary);
            check.close();
            PageSink known = sink;
            if (known == null) {
                return place == null && passing ? new Ending.Suspended() : ending;
            }
            return close(known, passing, reason) ? new Ending.Suspended() : ending;
        } catch (Throwable t) { // the thread's top: the session must come to its end
            LOG.error("the sink of a session could not be closed", t);
            return ending;
        }
    }

    /** Whether it can be taken up again. */
    private boolean close(PageSink known, boolean passing, String reason) {
        try (known) {
            if (place == null && passing && known instanceof DurableSink kept) {
                kept.suspend();
                return true;
            }
            if (place == null) {
                known.abort(reason);
            }
            return false;
        }
    }

    private static void releaseAll(Queue<Message.Batch> batches) {
        Message.Batch batch;
        while ((batch = batches.poll()) != null) {
            batch.pages().release();
        }
    }

    /** Told how it ended, on the worker's thread. */
    @FunctionalInterface
    interface EndListener {
        /** The sink is closed. */
        void closed(Ending ending);
    }

    /** Waits for the end of the thread after {@link #end}; whether it has ended. */
    boolean awaitEnd(Duration deadline) throws InterruptedException {
        return thread.awaitTermination(deadline.toNanos(), TimeUnit.NANOSECONDS);
    }

    private void enqueue(Job job) {
        thread.execute(
                () -> {
                    if (!over) {
                        run(job);
                    }
                });
    }

    private void run(Job job) {
        try {
            job.run();
        } catch (JsonProcessingException e) {
            fail(ErrorCode.DOCUMENT, "a document that cannot be read: " + e.getOriginalMessage());
        } catch (ParentMissingException e) {
            fail(
                    ErrorCode.PARENT,
                    "%s; or send %s as a whole".formatted(e.getMessage(), hello.imageName()));
        } catch (HeapLoan.RefusedException e) {
            fail(e.code(), String.valueOf(e.getMessage()));
        } catch (ImageFormatException e) {
            fail(ErrorCode.IMAGE, String.valueOf(e.getMessage()));
        } catch (ImageBusyException e) { // of an attempt before, which is just being closed
            fail(ErrorCode.BUSY, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            fail(ErrorCode.STORE, String.valueOf(e.getMessage()));
        } catch (Throwable t) { // the thread's top: the session must not hang
            LOG.error("a session failed in a way that it should not", t);
            fail(ErrorCode.INTERNAL, "the receiver failed: " + t);
        }
    }

    private void fail(ErrorCode code, String text) {
        over = true;
        results.failed(code, text);
    }

    private PageSink opened() {
        if (sink == null) {
            throw new IllegalStateException("no sink was opened");
        }
        return sink;
    }

    /** A field of HELLO that is all zeros says nothing. */
    private static boolean isGiven(byte[] rootHash) {
        return !Arrays.equals(rootHash, new byte[rootHash.length]);
    }

    private static @Nullable String parent(Message.Hello hello) {
        return isGiven(hello.parent()) ? HexFormat.of().formatHex(hello.parent()) : null;
    }

    /**
     * The disk knows a session by this, not by its token, with which one could go on with it. What
     * was checked against one parent is never taken up with another.
     */
    private static byte[] key(Message.Hello hello) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(hello.token());
            if (isGiven(hello.parent())) {
                digest.update(hello.parent());
            }
            return digest.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    @FunctionalInterface
    private interface Job {
        void run() throws IOException;
    }
}
