package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ProtocolException;

/**
 * Shares the receiver's memory for batches out among its sessions. Every session always has {@link
 * ReceiverLimits#MIN_CREDITS}, whatever the others do; the rest is divided evenly among those that
 * are there, so that a session with many lanes gets no more than one with a single lane.
 * Thread-safe.
 */
final class Credits {
    private final int shared;
    private final int most;
    private int sessions;
    private int taken;

    Credits(ReceiverLimits limits) {
        shared = limits.sharedBatches();
        most = limits.maxCredits();
    }

    /** The credits of one more session. */
    synchronized Window open() {
        sessions++;
        return new Window();
    }

    private synchronized int share() {
        int even = ReceiverLimits.MIN_CREDITS + shared / Math.max(1, sessions);
        return Math.min(most, even);
    }

    private synchronized boolean take() {
        if (taken == shared) {
            return false;
        }
        taken++;
        return true;
    }

    private synchronized void give(long count) {
        taken -= (int) count;
    }

    private synchronized void leave(long count) {
        give(count);
        sessions--;
    }

    /** What one session may have on the way. Thread-safe. */
    final class Window {
        private long granted;
        private long received;
        private long released;
        private long fromShared;
        private boolean closed;

        /** All that may be sent up to now, new grants included. */
        synchronized long grant() {
            while (!closed && held() < share()) {
                if (held() >= ReceiverLimits.MIN_CREDITS) {
                    if (!take()) {
                        break;
                    }
                    fromShared++;
                }
                granted++;
            }
            return granted;
        }

        /** A batch comes in. */
        synchronized void receive() throws ProtocolException {
            if (received == granted) {
                throw new ProtocolException(
                        ErrorCode.LIMIT, "more batches than the %d granted".formatted(granted));
            }
            received++;
        }

        /** The memory of a batch is free again; all that may be sent now. */
        synchronized long release() {
            released++;
            if (fromShared > 0) {
                fromShared--;
                give(1);
            }
            return grant();
        }

        /** The session is over, and has all its memory back. */
        synchronized void close() {
            if (!closed) {
                closed = true;
                leave(fromShared);
                fromShared = 0;
            }
        }

        private long held() {
            return granted - released;
        }
    }
}
