package dev.stillframe.transport.receiver;

/** What the connections and sessions of a receiver share and are counted against. Thread-safe. */
final class Capacity {
    private final ReceiverLimits limits;
    private final ReceiverMetrics metrics;
    private int connections;
    private int strangers;
    private int sessions;
    private long documentBytes;
    private long encodingBytes;

    Capacity(ReceiverLimits limits, ReceiverMetrics metrics) {
        this.limits = limits;
        this.metrics = metrics;
    }

    /**
     * Counts a connection of somebody unknown, which must be given back; how many there are now.
     */
    synchronized int addConnection() {
        metrics.connections(1);
        strangers++;
        return ++connections;
    }

    synchronized void giveConnection() {
        metrics.connections(-1);
        connections--;
    }

    /** A connection's peer is known now, or gone. */
    synchronized void giveStranger() {
        strangers--;
    }

    synchronized boolean hasTooManyStrangers() {
        return strangers > limits.maxStrangers();
    }

    /** Whether there is room for one more session, which must be given back then. */
    synchronized boolean takeSession() {
        if (sessions == limits.maxSessions()) {
            return false;
        }
        sessions++;
        metrics.sessions(1);
        return true;
    }

    synchronized void giveSession() {
        sessions--;
        metrics.sessions(-1);
    }

    /** Whether there is so much memory for decoding; it must be given back then. */
    synchronized boolean takeEncoding(long bytes) {
        if (encodingBytes + bytes > limits.maxEncodingMemoryBytes()) {
            return false;
        }
        encodingBytes += bytes;
        return true;
    }

    synchronized void giveEncoding(long bytes) {
        encodingBytes -= bytes;
    }

    /** Whether there are {@code bytes} more of heap for documents; they must be given back then. */
    synchronized boolean takeDocument(long bytes) {
        if (bytes > limits.maxDocumentHeapBytes() - documentBytes) {
            return false;
        }
        documentBytes += bytes;
        metrics.memory(bytes);
        return true;
    }

    synchronized void giveDocument(long bytes) {
        documentBytes -= bytes;
        metrics.memory(-bytes);
    }
}
