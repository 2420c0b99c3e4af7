package dev.stillframe.transport.encoding;

import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ProtocolException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What makes a page out of an older one: runs of words of 8 bytes, each as two u16, how many words
 * to skip and how many follow, and those words. Behind the last run the page is as the older one.
 */
final class Delta {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfShort COUNT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int RUN_BYTES = 2 * Short.BYTES;

    private Delta() {}

    /**
     * Writes the difference; both pages have {@code pageBytes}.
     *
     * @return its length; -1 if it would be longer than {@code maxBytes}
     */
    static int encode(
            MemorySegment older,
            long olderAt,
            MemorySegment page,
            long pageAt,
            int pageBytes,
            MemorySegment out,
            long outAt,
            int maxBytes) {
        int length = 0;
        int done = 0;
        while (true) {
            int first = nextDifference(older, olderAt, page, pageAt, done, pageBytes);
            if (first == pageBytes) {
                return length;
            }
            int end = first + Long.BYTES;
            while (end < pageBytes
                    && older.get(WORD, olderAt + end) != page.get(WORD, pageAt + end)) {
                end += Long.BYTES;
            }
            int bytes = end - first;
            if (length + RUN_BYTES + bytes > maxBytes) {
                return -1;
            }
            out.set(COUNT, outAt + length, (short) ((first - done) / Long.BYTES));
            out.set(COUNT, outAt + length + Short.BYTES, (short) (bytes / Long.BYTES));
            MemorySegment.copy(page, pageAt + first, out, outAt + length + RUN_BYTES, bytes);
            length += RUN_BYTES + bytes;
            done = end;
        }
    }

    /**
     * Offset of the first word from {@code from} in which the pages differ; the end if none does.
     */
    private static int nextDifference(
            MemorySegment older,
            long olderAt,
            MemorySegment page,
            long pageAt,
            int from,
            int pageBytes) {
        long at =
                MemorySegment.mismatch(
                        older,
                        olderAt + from,
                        olderAt + pageBytes,
                        page,
                        pageAt + from,
                        pageAt + pageBytes);
        return at < 0 ? pageBytes : from + (int) at / Long.BYTES * Long.BYTES;
    }

    /** Makes the page of {@code pageBytes} from the older one and {@code bytes} of difference. */
    static void decode(
            MemorySegment delta,
            long deltaAt,
            int bytes,
            MemorySegment older,
            long olderAt,
            MemorySegment page,
            long pageAt,
            int pageBytes)
            throws ProtocolException {
        MemorySegment.copy(older, olderAt, page, pageAt, pageBytes);
        int read = 0;
        int place = 0;
        while (read < bytes) {
            if (bytes - read < RUN_BYTES) {
                throw broken();
            }
            int skipped = Short.toUnsignedInt(delta.get(COUNT, deltaAt + read)) * Long.BYTES;
            int length =
                    Short.toUnsignedInt(delta.get(COUNT, deltaAt + read + Short.BYTES))
                            * Long.BYTES;
            read += RUN_BYTES;
            place += skipped;
            if (length == 0 || length > bytes - read || place + length > pageBytes) {
                throw broken();
            }
            MemorySegment.copy(delta, deltaAt + read, page, pageAt + place, length);
            read += length;
            place += length;
        }
    }

    private static ProtocolException broken() {
        return new ProtocolException(ErrorCode.MALFORMED, "a page whose difference has no meaning");
    }
}
