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

    /**
     * What decodes the batches of this connection that are not {@link Contents#RAW}; the caller's,
     * to be closed.
     *
     * @throws ProtocolException if the peer may not send such batches
     */
    default Contents contents() throws ProtocolException {
        throw new ProtocolException(
                ErrorCode.UNSUPPORTED, "an encoded batch, though no dictionary was offered");
    }

    /**
     * Whether parts of documents may come, whose frames are longer than all others that are on the
     * heap.
     */
    default boolean takesDocuments() {
        return true;
    }

    /** Refuses every batch. */
    static BatchMemory none() {
        return () -> {
            throw new ProtocolException(ErrorCode.ORDER, "a batch is not expected here");
        };
    }
}
