package dev.stillframe.transport.reader;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import dev.stillframe.transport.client.Backoff;
import dev.stillframe.transport.client.ClientConnection;
import dev.stillframe.transport.client.Dialer;
import dev.stillframe.transport.client.Durations;
import dev.stillframe.transport.client.LostException;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A way to fetch pages, made of one connection after the other: what was asked for when one broke
 * is asked for again on the next. A thread of its own, {@code stillframe-reader-NAME}, connects.
 * Thread-safe.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
public final class FetchLane implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FetchLane.class);

    private final Dialer dialer;
    private final String imageName;
    private final ReaderOptions options;
    private final boolean described;
    private final Consumer<PageBatch> recorder;
    private final Arrivals arrivals;
    private final SecureRandom random = new SecureRandom();
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    /** Asked for and not yet sent, and sent and not yet answered. */
    private final Deque<Message.Fetch> queued = new ArrayDeque<>();

    private final Map<Long, Message.Fetch> sent = new LinkedHashMap<>();
    private long sequences;
    private @Nullable Channel channel;
    private @Nullable IOException loss;
    private @Nullable IOException failure;
    private Message.@Nullable Found readable;
    private @Nullable Layout layout;
    private @Nullable List<Missing> missing;
    private boolean progressed;
    private boolean closed;

    /**
     * Connects in the background.
     *
     * @param name for its thread
     * @param expected the image that it must be; null for whatever has the name
     * @param recorder sees all pages before the {@code arrivals} do
     */
    FetchLane(
            Dialer dialer,
            String imageName,
            ReaderOptions options,
            String name,
            Message.@Nullable Found expected,
            Consumer<PageBatch> recorder,
            Arrivals arrivals) {
        this.dialer = dialer;
        this.imageName = imageName;
        this.options = options;
        this.described = expected == null;
        this.readable = expected;
        this.recorder = recorder;
        this.arrivals = arrivals;
        thread = Role.FETCH_LANE.start(name, this::keepConnected);
    }

    /** Asks for pages; they come to the {@link Arrivals}. Returns at once. */
    public void fetch(long firstOrdinal, int pages) {
        lock.lock();
        try {
            queued.add(new Message.Fetch(++sequences, firstOrdinal, pages));
            send();
        } finally {
            lock.unlock();
        }
    }

    /** Fetches that are not answered yet. */
    public int pending() {
        lock.lock();
        try {
            return queued.size() + sent.size();
        } finally {
            lock.unlock();
        }
    }

    private void send() {
        Channel to = channel;
        while (to != null && !queued.isEmpty() && sent.size() < Limits.MAX_FETCHES) {
            Message.Fetch fetch = queued.remove();
            sent.put(fetch.sequence(), fetch);
            to.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(fetch)));
        }
    }

    /** What was found; known after {@link #awaitReady}. */
    Message.Found readable() {
        return known(readable);
    }

    Layout layout() {
        return known(layout);
    }

    List<Missing> missing() {
        return known(missing);
    }

    private <T> T known(@Nullable T value) {
        lock.lock();
        try {
            if (value == null) {
                throw new IllegalStateException("nothing was heard of %s yet".formatted(imageName));
            }
            return value;
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the first connection, which is tried once. */
    void awaitReady() throws IOException {
        lock.lock();
        try {
            while (channel == null) {
                if (failure != null) {
                    throw new IOException(failure.getMessage(), failure);
                }
                if (closed) {
                    throw new IOException("the image at %s was closed".formatted(dialer.peer()));
                }
                changed.awaitUninterruptibly(); // bounded by the thread's deadlines
            }
        } finally {
            lock.unlock();
        }
    }

    void found(Message.Found now) throws IOException {
        lock.lock();
        try {
            if (readable != null
                    && (!Arrays.equals(readable.rootHash(), now.rootHash())
                            || readable.pageSizeBytes() != now.pageSizeBytes()
                            || readable.pageCount() != now.pageCount())) {
                throw new IOException(
                        "%s at %s is another image now; put the one that was begun with there again"
                                .formatted(imageName, dialer.peer()));
            }
            readable = now;
        } finally {
            lock.unlock();
        }
    }

    void layout(Layout now) {
        layout = now;
    }

    void missing(List<Missing> now) {
        missing = now;
    }

    /** Fetches can be sent; those that the last connection did not answer are. */
    void ready(Channel now) {
        lock.lock();
        try {
            channel = now;
            for (Message.Fetch fetch : new ArrayList<>(sent.values()).reversed()) {
                queued.addFirst(fetch);
            }
            sent.clear();
            send();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    Message.@Nullable Fetch asked(long sequence) {
        lock.lock();
        try {
            return sent.get(sequence);
        } finally {
            lock.unlock();
        }
    }

    void arrived(long sequence, PageBatch pages) throws IOException {
        recorder.accept(pages);
        lock.lock();
        try {
            sent.remove(sequence);
            progressed = true;
            send();
        } finally {
            lock.unlock();
        }
        arrivals.arrived(pages);
    }

    /** The connection has ended; the thread makes another. */
    void over(IOException cause) {
        lock.lock();
        try {
            channel = null;
            loss = cause;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void keepConnected() {
        try {
            connectAgainAndAgain();
        } catch (InterruptedException e) {
            LOG.debug("closed", e);
        } catch (Throwable t) { // the thread's top: whoever waits for pages must hear of it
            LOG.error("the lane to {} failed in a way that it should not", dialer.peer(), t);
            fail(
                    new IOException(
                            "reading from %s failed in a way that it should not: %s"
                                    .formatted(dialer.peer(), t),
                            t),
                    false);
        }
    }

    private void connectAgainAndAgain() throws InterruptedException {
        Backoff backoff = new Backoff(random);
        try (Arena arena = Arena.ofShared()) {
            BatchBuffer memory = new BatchBuffer(arena, _ -> {});
            Deadline patience = Deadline.in(options.clock(), options.patience());
            boolean first = described;
            while (true) {
                IOException cause = connectOnce(memory);
                if (cause == null) {
                    return;
                }
                if (takeProgress()) {
                    first = false;
                    patience = Deadline.in(options.clock(), options.patience());
                    backoff.reset();
                }
                if (first || !(cause instanceof LostException) || patience.hasPassed()) {
                    fail(cause, first);
                    return;
                }
                LOG.warn("{}; trying again", cause.getMessage());
                TimeUnit.NANOSECONDS.sleep(backoff.nextNanos());
            }
        }
    }

    /** One connection from its beginning to its end; what ended it, or null if we did. */
    private @Nullable IOException connectOnce(BatchBuffer memory) throws InterruptedException {
        byte[] nonce = new byte[Limits.NONCE_BYTES];
        random.nextBytes(nonce);
        boolean wanted = described && missing == null;
        Message.Read opening =
                new Message.Read(
                        Limits.VERSION, wanted, (int) options.idle().toMillis(), nonce, imageName);
        ClientConnection.Terms terms =
                new ClientConnection.Terms(
                        dialer.peer(),
                        opening,
                        options.credentials().key(),
                        options.idle(),
                        Limits.MAX_IDLE_MILLIS);
        List<Channel> channels = new ArrayList<>();
        loss = null;
        try {
            dialer.connect(
                    new LaneConnection(terms, this, wanted, memory, options.room()), channels);
            return awaitEnd();
        } catch (IOException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException("closed while connecting");
            }
            return e;
        } finally {
            // The memory is the next connection's from here on.
            channels.forEach(each -> each.close().awaitUninterruptibly());
        }
    }

    private @Nullable IOException awaitEnd() throws InterruptedException {
        long leftNanos = options.connect().toNanos();
        lock.lock();
        try {
            while (loss == null && !closed) {
                if (channel != null) {
                    changed.await();
                } else if (leftNanos > 0) {
                    leftNanos = changed.awaitNanos(leftNanos);
                } else {
                    return new LostException(
                            "%s accepted the connection but did not answer for %s; check that a receiver listens there"
                                    .formatted(dialer.peer(), Durations.words(options.connect())),
                            null);
                }
            }
            return closed ? null : loss;
        } finally {
            channel = null;
            lock.unlock();
        }
    }

    private boolean takeProgress() {
        lock.lock();
        try {
            boolean was = progressed;
            progressed = false;
            return was;
        } finally {
            lock.unlock();
        }
    }

    private void fail(IOException cause, boolean first) {
        lock.lock();
        try {
            failure = cause;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        if (!first) {
            arrivals.failed(
                    cause instanceof LostException
                            ? new IOException(
                                    "nothing came from %s for %s: %s"
                                            .formatted(
                                                    dialer.peer(),
                                                    Durations.words(options.patience()),
                                                    cause.getMessage()),
                                    cause)
                            : cause);
        }
    }

    /**
     * Ends the connection and the thread, and waits for both. Fetches without an answer get none.
     * Idempotent.
     */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        thread.interrupt();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true; // its memory must not be used any more
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
