package dev.stillframe.transport.sender;

import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * What has come back from the receiver: the event loop puts it in, the sender's caller waits for
 * it. Thread-safe.
 */
final class Replies {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private Message.@Nullable HelloAck welcome;
    private Message.@Nullable Published published;
    private @Nullable IOException failure;

    /** -1 until the layout is accepted. */
    private long acknowledged = -1;

    /** What was handed to the connection: -1 nothing yet, 0 the layout, then the last batch. */
    private long sent = -1;

    private boolean ended;

    /** Before batch {@code sequence}, or with 0 the layout, goes out: it may be acknowledged. */
    void sending(long sequence) {
        change(() -> sent = sequence);
    }

    /** Before END goes out: the image may be published. */
    void ending() {
        change(() -> ended = true);
    }

    void welcomed(Message.HelloAck ack) throws ProtocolException {
        lock.lock();
        try {
            require(welcome == null, "a second HELLO_ACK");
            change(() -> welcome = ack);
        } finally {
            lock.unlock();
        }
    }

    /**
     * An acknowledgement opens the window, so that one of what was not sent would end all waiting.
     */
    void acknowledged(long sequence) throws ProtocolException {
        lock.lock();
        try {
            require(
                    sequence > acknowledged && sequence <= sent,
                    "it acknowledged batch %d after batch %d; batch %d is the last that was sent"
                            .formatted(sequence, acknowledged, sent));
            change(() -> acknowledged = sequence);
        } finally {
            lock.unlock();
        }
    }

    void published(Message.Published message) throws ProtocolException {
        lock.lock();
        try {
            require(ended, "PUBLISHED before END");
            change(() -> published = message);
        } finally {
            lock.unlock();
        }
    }

    private static void require(boolean held, String broken) throws ProtocolException {
        if (!held) {
            throw new ProtocolException(ErrorCode.ORDER, broken);
        }
    }

    /** The session is over; the first failure counts, and none after the image was published. */
    void failed(IOException cause) {
        change(
                () -> {
                    if (failure == null && published == null) {
                        failure = cause;
                    }
                });
    }

    Message.HelloAck awaitWelcome(Duration timeout, Supplier<String> onTimeout) throws IOException {
        return await(() -> welcome, timeout, onTimeout);
    }

    Message.Published awaitPublished(Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        return await(() -> published, timeout, onTimeout);
    }

    /** Waits until all up to {@code sequence} is acknowledged; whether it had to wait. */
    boolean awaitAcknowledged(long sequence, Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        lock.lock();
        try {
            if (acknowledged >= sequence && failure == null) {
                return false;
            }
            await(() -> acknowledged >= sequence ? Boolean.TRUE : null, timeout, onTimeout);
            return true;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns while all is well.
     *
     * @throws IOException if the session has failed
     */
    void check() throws IOException {
        lock.lock();
        try {
            if (failure != null) {
                throw new IOException(failure.getMessage(), failure);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The highest batch that is acknowledged; 0 says that the layout is, -1 that nothing is. */
    long acknowledged() {
        lock.lock();
        try {
            return acknowledged;
        } finally {
            lock.unlock();
        }
    }

    /** Whether the session has failed. */
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

    /** A timeout fails the session, so that every later call fails in the same way. */
    private <T> T await(Supplier<@Nullable T> value, Duration timeout, Supplier<String> onTimeout)
            throws IOException {
        lock.lock();
        try {
            long left = timeout.toNanos();
            while (true) {
                if (failure != null) {
                    throw new IOException(failure.getMessage(), failure);
                }
                T found = value.get();
                if (found != null) {
                    return found;
                }
                if (left <= 0) {
                    failure = new IOException(onTimeout.get());
                    changed.signalAll();
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
