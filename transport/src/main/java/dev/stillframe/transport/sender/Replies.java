package dev.stillframe.transport.sender;

import dev.stillframe.engine.image.ParentMissingException;
import dev.stillframe.transport.client.LostException;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What has come back from the receiver in one attempt: the event loops put it in, the sender's
 * caller waits for it. Thread-safe.
 */
final class Replies {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final LongConsumer onDurable;
    private final Runnable onFailure;
    private Message.@Nullable HelloAck welcome;
    private Message.@Nullable Published published;
    private @Nullable IOException failure;
    private boolean layoutSent;
    private boolean begun;
    private boolean endSent;
    private int attached;
    private long granted;
    private long durable;
    private long lastSent;

    /**
     * Nothing yet.
     *
     * @param onDurable told of batches that are durable, on an event loop
     * @param onFailure run when the attempt is over, on whatever thread
     */
    Replies(boolean endSaidBefore, LongConsumer onDurable, Runnable onFailure) {
        this.endSent = endSaidBefore;
        this.onDurable = onDurable;
        this.onFailure = onFailure;
    }

    /** Before a layout goes out: it may be answered, once. */
    void sendingLayout() {
        change(
                () -> {
                    layoutSent = true;
                    begun = false;
                });
    }

    /** Before a batch goes out: it may become durable. */
    void sending(long sequence) {
        change(() -> lastSent = Math.max(lastSent, sequence));
    }

    /** Before END goes out: the image may be published. */
    void ending() {
        change(() -> endSent = true);
    }

    void welcomed(Message.HelloAck ack) throws ProtocolException {
        lock.lock();
        try {
            require(welcome == null, "a second HELLO_ACK");
            welcome = ack;
            granted = ack.credits();
            durable = ack.durable();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        onDurable.accept(ack.durable());
    }

    void begun() throws ProtocolException {
        lock.lock();
        try {
            require(layoutSent && !begun, "BEGUN without a layout");
            begun = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void attached() {
        change(() -> attached++);
    }

    void credited(long total) throws ProtocolException {
        lock.lock();
        try {
            require(total > granted, "CREDIT %d after %d".formatted(total, granted));
            granted = total;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * What is durable is released, so that an acknowledgement of what was not sent would be fatal.
     */
    void durable(long sequence) throws ProtocolException {
        lock.lock();
        try {
            require(
                    sequence > durable && sequence <= lastSent,
                    "DURABLE %d after %d; batch %d is the last that was sent"
                            .formatted(sequence, durable, lastSent));
            durable = sequence;
        } finally {
            lock.unlock();
        }
        onDurable.accept(sequence);
        change(() -> {});
    }

    void published(Message.Published message) throws ProtocolException {
        lock.lock();
        try {
            require(endSent, "PUBLISHED before END");
            published = message;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private static void require(boolean held, String broken) throws ProtocolException {
        if (!held) {
            throw new ProtocolException(ErrorCode.ORDER, broken);
        }
    }

    /** The attempt is over; the first failure counts, and none after the image was published. */
    void failed(IOException cause) {
        change(
                () -> {
                    if (failure == null && published == null) {
                        failure = cause;
                    }
                });
        onFailure.run();
    }

    /** Waits for HELLO_ACK; null if the image turned out to be published already. */
    Message.@Nullable HelloAck awaitWelcome(Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        await(() -> welcome != null || published != null, timeout, onTimeout);
        return welcome;
    }

    void awaitBegun(Duration timeout, Supplier<String> onTimeout) throws IOException {
        await(() -> begun, timeout, onTimeout);
    }

    void awaitAttached(int count, Duration timeout, Supplier<String> onTimeout) throws IOException {
        await(() -> attached >= count, timeout, onTimeout);
    }

    /** Waits until {@code count} batches may have been sent; whether it had to wait. */
    boolean awaitCredit(long count, Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        return await(() -> granted >= count, timeout, onTimeout);
    }

    /** Waits until all up to {@code sequence} is durable; whether it had to wait. */
    boolean awaitDurable(long sequence, Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        return await(() -> durable >= sequence, timeout, onTimeout);
    }

    Message.Published awaitPublished(Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        await(() -> published != null, timeout, onTimeout);
        if (published == null) {
            throw new IllegalStateException("waited for it");
        }
        return published;
    }

    /**
     * Returns while all is well.
     *
     * @throws LostException if the attempt is over
     * @throws ParentMissingException if the session is over for that reason
     * @throws IOException if the session is over
     */
    void check() throws IOException {
        lock.lock();
        try {
            throwFailure();
        } finally {
            lock.unlock();
        }
    }

    /** Whether the attempt is over. */
    boolean hasFailed() {
        lock.lock();
        try {
            return failure != null;
        } finally {
            lock.unlock();
        }
    }

    private void change(Runnable step) {
        lock.lock();
        try {
            step.run();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void throwFailure() throws IOException {
        IOException cause = failure;
        if (cause instanceof LostException) {
            throw new LostException(String.valueOf(cause.getMessage()), cause);
        }
        if (cause instanceof ParentMissingException) {
            throw new ParentMissingException(String.valueOf(cause.getMessage()), cause);
        }
        if (cause != null) {
            throw new IOException(cause.getMessage(), cause);
        }
    }

    /** A timeout fails the attempt. Whether it had to wait. */
    private boolean await(Supplier<Boolean> reached, Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        lock.lock();
        try {
            boolean waited = false;
            long left = timeout.toNanos();
            while (true) {
                throwFailure();
                if (reached.get()) {
                    return waited;
                }
                waited = true;
                if (left <= 0) {
                    failure = new LostException(onTimeout.get(), null);
                } else {
                    left = changed.awaitNanos(left);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while waiting for the receiver")
                            .initCause(e);
        } finally {
            lock.unlock();
        }
    }
}
