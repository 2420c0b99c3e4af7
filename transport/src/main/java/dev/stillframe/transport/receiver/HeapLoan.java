package dev.stillframe.transport.receiver;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.transport.wire.ErrorCode;
import java.io.IOException;

/**
 * The heap that the documents of one session, or of one reader's image, take of the receiver's
 * {@link Capacity}. Given back at its end as a whole, because what was read from a document stays
 * as long. Thread-safe.
 */
final class HeapLoan implements HeapAllowance, AutoCloseable {
    private final Capacity capacity;
    private final long mostBytes;
    private long takenBytes;
    private boolean closed;

    HeapLoan(Capacity capacity, ReceiverLimits limits) {
        this.capacity = capacity;
        this.mostBytes = limits.maxDocumentHeapBytes();
    }

    /** There is not so much. */
    static final class RefusedException extends IOException {
        private static final long serialVersionUID = 1;

        private final ErrorCode code;

        RefusedException(ErrorCode code, String message) {
            super(message);
            this.code = code;
        }

        /** What the peer is told. */
        ErrorCode code() {
            return code;
        }
    }

    @Override
    public synchronized void take(String what, long heapBytes) throws RefusedException {
        if (heapBytes > mostBytes - takenBytes) { // also if there were nobody else
            throw new RefusedException(
                    ErrorCode.LIMIT,
                    "%s can take %d bytes of the receiver's heap, more than the %d that it has for documents; allow it more there: STILLFRAME_JAVA_OPTS=-Xmx%dm"
                            .formatted(
                                    what,
                                    takenBytes + heapBytes,
                                    mostBytes,
                                    Math.ceilDiv(2 * (takenBytes + heapBytes), 1 << 20)));
        }
        if (closed || !capacity.takeDocument(heapBytes)) {
            throw new RefusedException(
                    ErrorCode.BUSY,
                    "%s can take %d bytes of heap more; of the %d that the receiver has for documents, others have too much; try again later"
                            .formatted(what, heapBytes, mostBytes));
        }
        takenBytes += heapBytes;
    }

    /** Gives a part back, of which nothing is in use any more. */
    synchronized void give(long heapBytes) {
        long given = Math.min(heapBytes, takenBytes);
        takenBytes -= given;
        capacity.giveDocument(given);
    }

    /** Gives everything back. Idempotent. */
    @Override
    public synchronized void close() {
        closed = true;
        capacity.giveDocument(takenBytes);
        takenBytes = 0;
    }
}
