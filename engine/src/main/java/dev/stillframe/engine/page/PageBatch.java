package dev.stillframe.engine.page;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import java.lang.foreign.MemorySegment;

/**
 * Pages on the move: runs of pages with consecutive ordinals, each run of one {@link PageKind} and
 * within one extent. Whoever holds a batch owns it, reads it from one thread at a time, and calls
 * {@link #release()} exactly once; its memory is reused afterwards.
 */
public interface PageBatch {
    /** Number of runs, at least 1. */
    int runCount();

    /** What the pages of run {@code run} are: anything but {@code UNKNOWN}. */
    PageKind kind(int run);

    /** Ordinal of the first page of run {@code run}. */
    long firstOrdinal(int run);

    /** Pages in run {@code run}, at least 1. */
    long pageCount(int run);

    /**
     * Native memory of a {@code DATA} run: {@code pageCount * pageSizeBytes} bytes, page-aligned,
     * valid until {@link #release()}.
     */
    MemorySegment data(int run);

    /**
     * Hashes of a {@code DATA} or {@code IN_PARENT} run: {@link PageHash#BYTES} per page, valid
     * until {@link #release()}.
     */
    MemorySegment hashes(int run);

    /** Bytes of all {@code DATA} runs together. */
    long dataBytes();

    /** Gives the memory back. */
    void release();
}
