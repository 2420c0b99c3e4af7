package dev.stillframe.transport.wire;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageHash;
import dev.stillframe.engine.page.PageKind;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * Memory for one received batch, used again and again. Pages are copied into it from the socket's
 * buffers, because direct I/O needs them page-aligned and one behind the other. Filled by a {@link
 * FrameReader}, then owned by whoever has the batch, until it is released.
 */
public final class BatchBuffer implements PageBatch {
    /** Native memory of one buffer. */
    public static final long MEMORY_BYTES =
            Limits.MAX_DATA_BYTES + (long) Limits.MAX_DATA_PAGES * PageHash.BYTES;

    private final MemorySegment data;
    private final MemorySegment hashes;
    private final Consumer<BatchBuffer> onRelease;
    private final PageKind[] kinds = new PageKind[Limits.MAX_RUNS];
    private final long[] ordinals = new long[Limits.MAX_RUNS];
    private final long[] counts = new long[Limits.MAX_RUNS];
    private final int[] firstDataPage = new int[Limits.MAX_RUNS];
    private long sequence;
    private int runs;
    private int dataPages;
    private int pageBytes;

    /**
     * Takes its memory from {@code arena}.
     *
     * @param onRelease told on the releasing thread
     */
    public BatchBuffer(Arena arena, Consumer<BatchBuffer> onRelease) {
        this.data = arena.allocate(Limits.MAX_DATA_BYTES, Limits.MAX_PAGE_BYTES);
        this.hashes = arena.allocate((long) Limits.MAX_DATA_PAGES * PageHash.BYTES, Long.BYTES);
        this.onRelease = onRelease;
    }

    /** Forgets the batch before. */
    void begin(long batchSequence, int pageSizeBytes) {
        sequence = batchSequence;
        pageBytes = pageSizeBytes;
        runs = 0;
        dataPages = 0;
    }

    /** Adds a run; the caller has checked that there is room. */
    void add(PageKind kind, long firstOrdinal, long count) {
        kinds[runs] = kind;
        ordinals[runs] = firstOrdinal;
        counts[runs] = count;
        firstDataPage[runs++] = dataPages;
        if (kind == PageKind.DATA) {
            dataPages += Math.toIntExact(count);
        }
    }

    int dataPages() {
        return dataPages;
    }

    /** Where the hashes of all data pages go. */
    ByteBuffer hashTarget() {
        return hashes.asSlice(0, (long) dataPages * PageHash.BYTES).asByteBuffer();
    }

    /** Where the contents of all data pages go. */
    ByteBuffer dataTarget() {
        return data.asSlice(0, dataBytes()).asByteBuffer();
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
    public int runCount() {
        return runs;
    }

    @Override
    public PageKind kind(int run) {
        return kinds[run];
    }

    @Override
    public long firstOrdinal(int run) {
        return ordinals[run];
    }

    @Override
    public long pageCount(int run) {
        return counts[run];
    }

    @Override
    public MemorySegment data(int run) {
        return data.asSlice((long) firstDataPage[run] * pageBytes, counts[run] * pageBytes);
    }

    @Override
    public MemorySegment hashes(int run) {
        return hashes.asSlice(
                (long) firstDataPage[run] * PageHash.BYTES, counts[run] * PageHash.BYTES);
    }

    @Override
    public long dataBytes() {
        return (long) dataPages * pageBytes;
    }

    @Override
    public void release() {
        onRelease.accept(this);
    }
}
