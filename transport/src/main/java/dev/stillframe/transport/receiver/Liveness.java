package dev.stillframe.transport.receiver;

import io.netty.util.concurrent.Ticker;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * When the ends of a connection last got somewhere: what its deadlines are measured from. Owned by
 * the connection's event loop.
 */
final class Liveness {
    private final Ticker ticker;
    private final long startNanos;
    private long progressNanos;
    private long progressBytes;
    private long saidNanos;
    private long peerIdleNanos = Long.MAX_VALUE;

    /**
     * Frames that the socket has not taken, and when it took one, or the first of them was given.
     */
    private int untaken;

    private long takenNanos;

    /** Of a connection that begins now. */
    Liveness(Ticker ticker) {
        this.ticker = ticker;
        startNanos = ticker.nanoTime();
        progressNanos = startNanos;
        saidNanos = startNanos;
    }

    /** The peer has said that it gives this end up when it hears nothing for so long. */
    void expectedWithin(int idleMillis) {
        peerIdleNanos = TimeUnit.MILLISECONDS.toNanos(idleMillis);
    }

    /** Bytes came: progress when they are many, so that no peer lives on one at a time. */
    void came(int bytes) {
        progressBytes += bytes;
        if (progressBytes >= ReceiverLimits.Deadlines.PROGRESS_BYTES) {
            cameWhole();
        }
    }

    /** A message is there to its end, which is progress however short it is. */
    void cameWhole() {
        progressNanos = ticker.nanoTime();
        progressBytes = 0;
    }

    /** This end said something. */
    void said() {
        saidNanos = ticker.nanoTime();
    }

    /** The socket has a frame to take. */
    void given() {
        takenNanos = untaken++ == 0 ? ticker.nanoTime() : takenNanos;
    }

    /** The socket took a frame, or never will. */
    void taken() {
        untaken--;
        takenNanos = ticker.nanoTime();
    }

    /** Whether this end has been silent for so long that the peer should hear of it. */
    boolean owesWord() {
        return ticker.nanoTime() - saidNanos > peerIdleNanos / 3;
    }

    /** Why the peer is to be given up, in words; null while it is in time. */
    @Nullable String overdue(ReceiverLimits.Deadlines deadlines, boolean stranger) {
        long now = ticker.nanoTime();
        return deadlines.overdue(
                stranger,
                now - startNanos,
                now - progressNanos,
                untaken == 0 ? 0 : now - takenNanos);
    }
}
