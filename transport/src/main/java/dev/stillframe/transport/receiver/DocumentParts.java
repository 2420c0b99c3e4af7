package dev.stillframe.transport.receiver;

import java.util.ArrayList;
import java.util.List;

/**
 * The document that a session is collecting. What its documents took of the receiver's {@link
 * Capacity} is given back when the session is over, because what was read from them stays as long.
 * Owned by the event loop.
 */
final class DocumentParts {
    private final Capacity capacity;
    private List<byte[]> parts = new ArrayList<>();
    private long takenBytes;

    DocumentParts(Capacity capacity) {
        this.capacity = capacity;
    }

    /** Whether there was room for one more part. */
    boolean add(byte[] part) {
        if (!capacity.takeDocument(part.length)) {
            return false;
        }
        takenBytes += part.length;
        return parts.add(part);
    }

    /** The document; the next part begins another one. */
    List<byte[]> take() {
        List<byte[]> whole = parts;
        parts = new ArrayList<>();
        return whole;
    }

    /** Gives everything back. */
    void close() {
        parts = List.of();
        capacity.giveDocument(takenBytes);
        takenBytes = 0;
    }
}
