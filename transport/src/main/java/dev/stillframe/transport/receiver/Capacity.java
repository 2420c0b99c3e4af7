package dev.stillframe.transport.receiver;

import java.util.HashSet;
import java.util.Set;

/** What the sessions of a receiver share. Owned by the event loop. */
final class Capacity {
    private final ReceiverLimits limits;
    private final ReceiverMetrics metrics;
    private int connections;
    private final Set<SessionWorker> workers = new HashSet<>();
    private long documentBytes;

    Capacity(ReceiverLimits limits, ReceiverMetrics metrics) {
        this.limits = limits;
        this.metrics = metrics;
    }

    /** Counts a connection, which must be given back; how many there are now. */
    int addConnection() {
        metrics.connections(1);
        return ++connections;
    }

    void giveConnection() {
        metrics.connections(-1);
        connections--;
    }

    /** Whether there is room for one more session. */
    boolean hasRoom() {
        return workers.size() < limits.maxSessions();
    }

    /** The threads of all sessions that are not over. */
    Set<SessionWorker> workers() {
        return workers;
    }

    void add(SessionWorker worker) {
        workers.add(worker);
        metrics.sessions(1);
    }

    void remove(SessionWorker worker) {
        workers.remove(worker);
        metrics.sessions(-1);
    }

    /** Whether there is room for {@code bytes} more of documents; they must be given back then. */
    boolean takeDocument(int bytes) {
        if (documentBytes + bytes > limits.maxDocumentMemoryBytes()) {
            return false;
        }
        documentBytes += bytes;
        metrics.memory(bytes);
        return true;
    }

    void giveDocument(long bytes) {
        documentBytes -= bytes;
        metrics.memory(-bytes);
    }
}
