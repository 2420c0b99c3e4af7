package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies of the pages of another process's memory that are marked as written; the marks stay. Made
 * before the threads are stopped, so that {@link #copy} finds its memory touched. Owned by one
 * thread.
 */
final class WrittenPages implements AutoCloseable {
    private static final PagemapScan.Query WRITTEN =
            new PagemapScan.Query(PagemapScan.WRITTEN, 0, 0, PagemapScan.WRITTEN);
    private static final int PAGE_BYTES = PageHistory.PAGE_BYTES;
    private static final long LEAST_ROOM_BYTES = 16L << 20;

    private final Arena arena = Arena.ofConfined();
    private final Target target;
    private final AddressRange range;
    private final List<AddressRange> runs = new ArrayList<>();
    private MemorySegment room = MemorySegment.NULL;

    WrittenPages(Target target, AddressRange range) {
        this.target = target;
        this.range = range;
    }

    /** Copies what is marked now; what was copied before is forgotten. */
    void copy() throws IOException {
        runs.clear();
        long[] bytes = new long[1];
        target.scan(
                range.start(),
                range.end(),
                WRITTEN,
                (start, end, _) -> {
                    runs.add(new AddressRange(start, end));
                    bytes[0] += end - start;
                });
        if (bytes[0] > room.byteSize() || room.equals(MemorySegment.NULL)) {
            // Twice as much, for what is written until the threads stand; this touches it.
            room =
                    arena.allocate(
                            Math.min(range.sizeBytes(), Math.max(LEAST_ROOM_BYTES, 2 * bytes[0])),
                            PAGE_BYTES);
        }
        long at = room.address();
        for (AddressRange run : runs) {
            long copied = target.read(run.start(), run.sizeBytes(), at);
            if (copied != run.sizeBytes()) {
                throw new TargetException(
                        "reading %d bytes at %s answered %d"
                                .formatted(run.sizeBytes(), run, copied));
            }
            at += run.sizeBytes();
        }
    }

    /**
     * Writes the number of runs, of each its first page and its number of pages, and then all the
     * pages.
     */
    void send(DataOutputStream out) throws IOException {
        out.writeInt(runs.size());
        long bytes = 0;
        for (AddressRange run : runs) {
            out.writeInt(Math.toIntExact((run.start() - range.start()) / PAGE_BYTES));
            out.writeInt(Math.toIntExact(run.sizeBytes() / PAGE_BYTES));
            bytes += run.sizeBytes();
        }
        byte[] page = new byte[PAGE_BYTES];
        for (long at = 0; at < bytes; at += PAGE_BYTES) {
            MemorySegment.copy(room, ValueLayout.JAVA_BYTE, at, page, 0, PAGE_BYTES);
            out.write(page);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
