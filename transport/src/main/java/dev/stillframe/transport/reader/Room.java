package dev.stillframe.transport.reader;

import com.sun.management.OperatingSystemMXBean;
import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.instant.PageRecords;
import java.lang.management.ManagementFactory;

/**
 * What an image that comes from another host may take of this one, whatever that host says of it.
 * Immutable.
 *
 * @param documentHeapBytes most heap for its layout and the list of what it lacks: their bytes, and
 *     what can be made of them by {@link dev.stillframe.engine.document.DocumentWeight}
 * @param recordBytes most native memory for the records of its pages, {@link
 *     PageRecords#RECORD_BYTES} each
 */
public record Room(long documentHeapBytes, long recordBytes) {
    /** The records of an image that is ten times as large as the memory take less. */
    private static final int RECORDS_PART = 16;

    /** Checks the ranges. */
    public Room {
        if (documentHeapBytes < 1 || recordBytes < PageRecords.RECORD_BYTES) {
            throw new IllegalArgumentException(
                    "%d bytes of heap for documents, %d bytes for records"
                            .formatted(documentHeapBytes, recordBytes));
        }
    }

    /** Half of this program's heap, and a sixteenth of this host's memory. */
    public static Room ofThisHost() {
        OperatingSystemMXBean host =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        return new Room(HeapAllowance.mostBytes(), host.getTotalMemorySize() / RECORDS_PART);
    }
}
