package dev.stillframe.transport.wire;

import java.lang.foreign.MemorySegment;

/**
 * Turns the encoded contents of batches back into pages, batch by batch as they come on a lane. Owned
 * by the lane's thread.
 */
public interface Contents extends AutoCloseable {
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

    @Override
    void close();
}
