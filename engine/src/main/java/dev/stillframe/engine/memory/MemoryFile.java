package dev.stillframe.engine.memory;

import java.io.IOException;
import java.time.Instant;

/**
 * What a mapping of shared memory shows: read here, because reading a mapping fills its holes.
 * Thread-safe.
 */
public interface MemoryFile extends AutoCloseable {
    /**
     * Copies up to {@code length} bytes at {@code offset} to {@code address} of this process.
     *
     * @return bytes read, fewer at the end of the file; or a negative errno
     */
    long read(long address, long length, long offset);

    /** The next offset at or after {@code offset} that holds data; -1 if there is none. */
    long nextData(long offset) throws IOException;

    /** The next offset at or after {@code offset} that holds no data; -1 past the end. */
    long nextHole(long offset) throws IOException;

    /**
     * What changes with every change by a descriptor, and with the first one through each entry of
     * a page table: inode(7), {@code st_mtim}; {@code fault_dirty_shared_page} of mm/memory.c.
     *
     * @param sizeBytes its size
     * @param modified when it was last changed
     */
    record State(long sizeBytes, Instant modified) {}

    /** How it is now. */
    State state() throws IOException;

    @Override
    void close();
}
