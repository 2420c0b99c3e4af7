package dev.stillframe.transport.sender;

/**
 * How fast all lanes of a sender together may send. What is sent is paid for afterwards, by
 * resting, so that a batch may be larger than what the limit allows at once. Thread-safe; can be
 * changed at any time.
 */
public final class RateLimit {
    /** No limit. */
    public static final long UNLIMITED = 0;

    private long bytesPerSecond;
    private long freeAtNanos;
    private boolean used;

    /**
     * A limit.
     *
     * @param bytesPerSecond {@link #UNLIMITED}, or 1 and more
     */
    public RateLimit(long bytesPerSecond) {
        set(bytesPerSecond);
    }

    /** Changes the limit; what was sent before counts no more. */
    public final synchronized void set(long newBytesPerSecond) {
        if (newBytesPerSecond < 0) {
            throw new IllegalArgumentException(newBytesPerSecond + " bytes a second");
        }
        bytesPerSecond = newBytesPerSecond;
        used = false;
    }

    /** The limit in bytes a second. */
    public synchronized long bytesPerSecond() {
        return bytesPerSecond;
    }

    /**
     * Counts {@code bytes} that were sent at {@code nowNanos}.
     *
     * @return how long to rest before more may be sent, in nanoseconds
     */
    synchronized long take(long bytes, long nowNanos) {
        if (bytesPerSecond == UNLIMITED) {
            return 0;
        }
        long from = used ? Math.max(freeAtNanos, nowNanos) : nowNanos;
        used = true;
        freeAtNanos = from + (long) (bytes * 1e9 / bytesPerSecond);
        return freeAtNanos - nowNanos;
    }
}
