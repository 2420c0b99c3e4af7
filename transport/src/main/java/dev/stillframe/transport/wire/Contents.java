package dev.stillframe.transport.wire;

import java.lang.foreign.MemorySegment;

/**
 * Turns the encoded contents of batches back into pages, batch by batch as they come on a lane.
 * Owned by the lane's thread.
 */
public interface Contents extends AutoCloseable {
    /** The pages as they are in memory. */
    int RAW = 0;

    /** The same, and {@link #decode} wants to see them. */
    int KEPT = 4;

    /** Whether contents in this encoding are pages as they are in memory. */
    static boolean arePages(int encoding) {
        return encoding == RAW || encoding == KEPT;
    }

    /**
     * Fills {@link BatchBuffer#contents}, all of it; if they are {@link #KEPT}, they are there.
     *
     * @param encoding as in the batch, not {@link #RAW}
     * @param encoded native memory; shorter than the pages, or where they are
     * @throws ProtocolException if that is no such encoding of so many pages
     */
    void decode(int encoding, MemorySegment encoded, BatchBuffer into) throws ProtocolException;

    @Override
    void close();
}
