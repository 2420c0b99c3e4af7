package dev.stillframe.transport.wire;

/** Where a {@link FrameReader} puts the batches that it reads. */
@FunctionalInterface
public interface BatchMemory {
    /**
     * An unused buffer, which is the caller's until it is released.
     *
     * @throws ProtocolException if the peer may not send a batch now
     */
    BatchBuffer acquire() throws ProtocolException;

    /** Refuses every batch. */
    static BatchMemory none() {
        return () -> {
            throw new ProtocolException(ErrorCode.ORDER, "a batch is not expected here");
        };
    }
}
