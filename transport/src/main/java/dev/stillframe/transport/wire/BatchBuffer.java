package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * Memory for one received batch, used again and again; page-aligned and in one piece, because
 * direct I/O needs that. Filled by a {@link FrameReader}, then owned by whoever has the batch,
 * until it is released.
 */
public final class BatchBuffer extends RunBatch {
    /** Native memory of one buffer. */
    public static final long MEMORY_BYTES =
            Limits.MAX_DATA_BYTES + (long) Limits.MAX_HASHES * PageHash.BYTES;

    private final MemorySegment data;
    private final Consumer<BatchBuffer> onRelease;
    private long sequence;
    private int pageBytes;

    /**
     * Takes its memory from {@code arena}.
     *
     * @param onRelease told on the releasing thread
     */
    public BatchBuffer(Arena arena, Consumer<BatchBuffer> onRelease) {
        super(
                Limits.MAX_RUNS,
                arena.allocate((long) Limits.MAX_HASHES * PageHash.BYTES, Long.BYTES));
        this.data = arena.allocate(Limits.MAX_DATA_BYTES, Limits.MAX_PAGE_BYTES);
        this.onRelease = onRelease;
    }

    /** Forgets the batch before. */
    void begin(long batchSequence, int pageSizeBytes) {
        sequence = batchSequence;
        pageBytes = pageSizeBytes;
        clear();
    }

    /** Adds a run; the caller has checked that there is room. */
    void addRun(PageKind kind, long firstOrdinal, long count) {
        add(kind, firstOrdinal, count);
    }

    /** Where so many hashes go. */
    ByteBuffer hashTarget(int pages) {
        return hashTable().asSlice(0, (long) pages * PageHash.BYTES).asByteBuffer();
    }

    /** The contents of all data pages, one behind the other. */
    public MemorySegment contents() {
        return data.asSlice(0, dataBytes());
    }

    /** Number of the batch that it holds. */
    public long sequence() {
        return sequence;
    }

    /** Size of the batch's pages in bytes. */
    public int pageSizeBytes() {
        return pageBytes;
    }

    @Override
    public MemorySegment data(int run) {
        return data.asSlice((long) firstDataPage(run) * pageBytes, pageCount(run) * pageBytes);
    }

    @Override
    public long dataBytes() {
        return (long) dataPages() * pageBytes;
    }

    @Override
    public void release() {
        onRelease.accept(this);
    }
}
