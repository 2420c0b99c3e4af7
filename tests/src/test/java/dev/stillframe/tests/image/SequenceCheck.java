package dev.stillframe.tests.image;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/**
 * Decides whether pages written in turn ({@code sequence.h}) are one instant: write n goes to page
 * n % count, its first word and then its last. Stateless.
 */
public final class SequenceCheck {
    private static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int PAGE_BYTES = 4096;

    private SequenceCheck() {}

    /**
     * The first deviation in words, or empty if there is none.
     *
     * @param pages 4 KiB each, all written at least once
     */
    public static Optional<String> deviation(List<MemorySegment> pages) {
        int count = pages.size();
        long newest = 0;
        for (MemorySegment page : pages) {
            newest = Math.max(newest, first(page));
        }
        for (int index = 0; index < count; index++) {
            long back = Math.floorMod(newest - index, count);
            long expected = newest - back;
            long first = first(pages.get(index));
            long last = last(pages.get(index));
            boolean unfinished = back == 0 && last == newest - count;
            if (first != expected || (last != expected && !unfinished)) {
                return Optional.of(
                        "page %d: holds writes %d and %d instead of %d; the newest is %d"
                                .formatted(index, first, last, expected, newest));
            }
        }
        return Optional.empty();
    }

    /** The newest number in the pages. */
    public static long newest(List<MemorySegment> pages) {
        return pages.stream().mapToLong(SequenceCheck::first).max().orElse(0);
    }

    /** The word at the beginning of a page. */
    public static long first(MemorySegment page) {
        return page.get(WORD, 0);
    }

    /** The word at the end of a page. */
    public static long last(MemorySegment page) {
        return page.get(WORD, PAGE_BYTES - Long.BYTES);
    }
}
