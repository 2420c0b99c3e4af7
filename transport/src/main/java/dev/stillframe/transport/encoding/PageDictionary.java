package dev.stillframe.transport.encoding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Pages that passed through a lane, known on both sides. The sides put in the same pages in the
 * same order, so that a place means the same page. Owned by one thread.
 */
final class PageDictionary {
    private final MemorySegment memory;
    private final int pageBytes;
    private final int places;
    private int next;
    private int known;

    /** An empty one of {@code bytes / pageBytes} places in memory from {@code arena}. */
    PageDictionary(Arena arena, int bytes, int pageBytes) {
        this.pageBytes = pageBytes;
        places = bytes / pageBytes;
        memory = arena.allocate((long) places * pageBytes, pageBytes);
    }

    int pageBytes() {
        return pageBytes;
    }

    /** How many pages there can be. */
    int places() {
        return places;
    }

    /** Whether there is a page at this place. */
    boolean isKnown(int place) {
        return place >= 0 && place < known;
    }

    MemorySegment memory() {
        return memory;
    }

    long offset(int place) {
        return (long) place * pageBytes;
    }

    /** Puts in a new page, at the next place in turn; which one. */
    int enter(MemorySegment pages, long at) {
        int place = next;
        next = (next + 1) % places;
        known = Math.max(known, place + 1);
        replace(place, pages, at);
        return place;
    }

    /** Puts the newer version of a page at its place. */
    void replace(int place, MemorySegment pages, long at) {
        MemorySegment.copy(pages, at, memory, offset(place), pageBytes);
    }
}
