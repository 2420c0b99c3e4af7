package dev.stillframe.engine.instant;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * What is known of every page of a layout, by ordinal. A record is {@value #RECORD_BYTES} bytes:
 * the {@link PageKind} code as a little-endian 64-bit number, then the {@link PageHash} ({@code
 * DATA}) or zeros.
 */
public interface PageRecords {
    /** Bytes of one record. */
    int RECORD_BYTES = Long.BYTES + PageHash.BYTES;

    /**
     * Appends the records of {@code count} pages to {@code into}.
     *
     * @throws IOException if they cannot be read
     */
    void copy(long firstOrdinal, int count, ByteBuffer into) throws IOException;
}
