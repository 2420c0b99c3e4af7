package dev.stillframe.transport.reader;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.transport.wire.Message;
import java.io.IOException;

/** Whether an image fits into the {@link Room} for it. Owned by one connection's event loop. */
final class Fitting implements HeapAllowance {
    private final Room room;
    private long takenBytes;

    Fitting(Room room) {
        this.room = room;
    }

    @Override
    public void take(String what, long heapBytes) throws IOException {
        if (heapBytes > room.documentHeapBytes() - takenBytes) {
            throw new IOException(
                    "%s can take %d bytes of heap, more than the %d that this program has for it; allow it more: STILLFRAME_JAVA_OPTS=-Xmx%dm"
                            .formatted(
                                    what,
                                    takenBytes + heapBytes,
                                    room.documentHeapBytes(),
                                    Math.ceilDiv(2 * (takenBytes + heapBytes), 1 << 20)));
        }
        takenBytes += heapBytes;
    }

    /**
     * Refuses a layout that is not the image's that was found, or of more pages than there can be.
     */
    void check(Layout layout, Message.Found found) throws IOException {
        if (layout.pageSizeBytes() != found.pageSizeBytes()
                || layout.ordinalCount() != found.pageCount()) {
            throw new IOException(
                    "the layout has %d pages of %d bytes, but %d of %d were announced; verify the image where it is"
                            .formatted(
                                    layout.ordinalCount(),
                                    layout.pageSizeBytes(),
                                    found.pageCount(),
                                    found.pageSizeBytes()));
        }
        if (layout.ordinalCount() > room.recordBytes() / PageRecords.RECORD_BYTES) {
            throw new IOException(
                    "the image has %d pages; this host has memory for the records of %d: read it on a larger one"
                            .formatted(
                                    layout.ordinalCount(),
                                    room.recordBytes() / PageRecords.RECORD_BYTES));
        }
    }
}
