package dev.stillframe.transport.wire;

import java.lang.foreign.MemorySegment;

/** Turns the encoded contents of batches back into pages, batch by batch as they come on a lane. */
@FunctionalInterface
public interface Contents {
    /** The pages as they are in memory. */
    int RAW = 0;

    /**
     * Fills {@link BatchBuffer#contents}, all of it.
     *
     * @param encoding as in the batch, not {@link #RAW}
     * @param encoded native memory, shorter than the pages
     * @throws ProtocolException if that is no such encoding of so many pages
     */
    void decode(int encoding, MemorySegment encoded, BatchBuffer into) throws ProtocolException;

    /** Takes only {@link #RAW}. */
    static Contents raw() {
        return (encoding, _, _) -> {
            throw new ProtocolException(
                    ErrorCode.UNSUPPORTED, "encoding %d; 0 is known".formatted(encoding));
        };
    }
}
