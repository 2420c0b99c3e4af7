package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Some pages of an image, one run for each row of a kind. Used again and again; owned by whoever
 * has it.
 */
public final class ImageBatch extends RunBatch {
    /** Bytes of the pages that one holds. */
    public static final int BYTES = 2 << 20;

    private final MemorySegment memory;
    private final int pageSizeBytes;
    private final Runnable onRelease;
    private long firstOrdinal;

    /** With memory from {@code arena}; {@code onRelease} is told on the releasing thread. */
    public ImageBatch(Arena arena, int pageSizeBytes, Runnable onRelease) {
        super(
                BYTES / pageSizeBytes,
                arena.allocate((long) BYTES / pageSizeBytes * PageHash.BYTES, Long.BYTES));
        this.memory = arena.allocate(BYTES, pageSizeBytes);
        this.pageSizeBytes = pageSizeBytes;
        this.onRelease = onRelease;
    }

    /** How many pages it holds. */
    public int room() {
        return BYTES / pageSizeBytes;
    }

    /**
     * Reads {@code count} pages from {@code first} on, with their hashes; whether they have them is
     * not checked.
     *
     * @throws IOException if they cannot be read, or the index is damaged there
     */
    public void fill(ImageReader image, long first, long count) throws IOException {
        clear();
        firstOrdinal = first;
        image.readPages(first, memory.asSlice(0, count * pageSizeBytes));
        PageKind last = PageKind.UNKNOWN;
        for (long ordinal = first; ordinal < first + count; ordinal++) {
            PageKind kind = image.kind(ordinal);
            if (kind == PageKind.DATA) {
                MemorySegment hash = MemorySegment.ofArray(image.hash(ordinal));
                MemorySegment.copy(
                        hash, 0, hashTable(), (long) dataPages() * PageHash.BYTES, PageHash.BYTES);
            }
            if (kind == last) {
                lengthen(1);
            } else {
                add(kind, ordinal, 1);
            }
            last = kind;
        }
    }

    @Override
    public MemorySegment data(int run) {
        return memory.asSlice(
                (firstOrdinal(run) - firstOrdinal) * pageSizeBytes, pageCount(run) * pageSizeBytes);
    }

    @Override
    public long dataBytes() {
        return (long) dataPages() * pageSizeBytes;
    }

    @Override
    public void release() {
        onRelease.run();
    }
}
