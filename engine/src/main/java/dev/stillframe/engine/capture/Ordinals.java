package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which ordinal the page at an address has in the image: given when its memory is first accounted
 * for, and never to another address. Owned by one thread.
 */
final class Ordinals {
    private final TreeMap<Long, Piece> pieces = new TreeMap<>();
    private final BitSet stored = new BitSet();
    private long next;

    /** Pages with consecutive ordinals. */
    private record Piece(long start, long end, long firstOrdinal) {
        long ordinal(long address) {
            return firstOrdinal + (address - start) / Block.PAGE_BYTES;
        }
    }

    /** Ordinals from 0 up to this number are given. */
    long count() {
        return next;
    }

    /** Gives ordinals to all pages of a range that have none. */
    void cover(long start, long end) {
        for (long at = start; at < end; ) {
            @Nullable Piece piece = pieceAt(at);
            if (piece == null) {
                Long behind = pieces.higherKey(at);
                long stop = behind == null ? end : Math.min(end, behind);
                add(at, stop);
                at = stop;
            } else {
                at = piece.end;
            }
        }
    }

    /** What continues the last piece in both ways makes it longer. */
    private void add(long start, long end) {
        Map.Entry<Long, Piece> below = pieces.lowerEntry(start);
        Piece before = below == null ? null : below.getValue();
        if (before != null && before.end == start && before.ordinal(start) == next) {
            pieces.put(before.start, new Piece(before.start, end, before.firstOrdinal));
        } else {
            pieces.put(start, new Piece(start, end, next));
        }
        next += (end - start) / Block.PAGE_BYTES;
    }

    /** The ordinal of the page at an address that has one. */
    long of(long address) {
        Piece piece = pieceAt(address);
        if (piece == null) {
            throw new IllegalStateException("page %x has no ordinal".formatted(address));
        }
        return piece.ordinal(address);
    }

    /** Up to where pages from {@code address} on, which has an ordinal, have consecutive ones. */
    long runEnd(long address, long end) {
        Piece piece = pieceAt(address);
        return piece == null ? address : Math.min(end, piece.end);
    }

    /** Whether all pages of a range have ordinals. */
    boolean isCovered(AddressRange range) {
        long at = range.start();
        while (at < range.end()) {
            Piece piece = pieceAt(at);
            if (piece == null) {
                return false;
            }
            at = piece.end;
        }
        return true;
    }

    /** What of a range has ordinals. */
    List<AddressRange> covered(AddressRange range) {
        List<AddressRange> covered = new ArrayList<>();
        Long first = pieces.floorKey(range.start());
        for (Piece piece :
                pieces.subMap(first == null ? range.start() : first, true, range.end(), false)
                        .values()) {
            long start = Math.max(piece.start, range.start());
            long end = Math.min(piece.end, range.end());
            if (start < end) {
                covered.add(new AddressRange(start, end));
            }
        }
        return covered;
    }

    /** Notes that pages, which have ordinals, were copied. */
    void store(long start, long end) {
        note(start, end, true);
    }

    /** Notes that what was copied of pages is not what they hold now. */
    void forget(long start, long end) {
        note(start, end, false);
    }

    private void note(long start, long end, boolean isStored) {
        for (long at = start; at < end; ) {
            long stop = runEnd(at, end);
            int first = Math.toIntExact(of(at));
            stored.set(first, first + Math.toIntExact((stop - at) / Block.PAGE_BYTES), isStored);
            at = stop;
        }
    }

    /** Notes of pages, which have ordinals here and there, what is noted in {@code other}. */
    void storeAs(Ordinals other, long start, long end) {
        for (long at = other.firstStored(start, end); at < end; ) {
            long stop = other.firstNotStored(at, end);
            store(at, stop);
            at = other.firstStored(stop, end);
        }
    }

    /** The first page of a range that was never copied; {@code end} if all were. */
    long firstNotStored(long start, long end) {
        long at = start;
        while (at < end) {
            Piece piece = pieceAt(at);
            if (piece == null) {
                return at;
            }
            int first = Math.toIntExact(piece.ordinal(at));
            long stop = Math.min(end, piece.end);
            long pages = (stop - at) / Block.PAGE_BYTES;
            int clear = stored.nextClearBit(first);
            if (clear < first + pages) {
                return at + (long) (clear - first) * Block.PAGE_BYTES;
            }
            at = stop;
        }
        return end;
    }

    /** The first page of a range that was copied; {@code end} if none was. */
    long firstStored(long start, long end) {
        long at = start;
        while (at < end) {
            Piece piece = pieceAt(at);
            if (piece == null) {
                Long behind = pieces.higherKey(at);
                at = behind == null ? end : Math.min(end, behind);
                continue;
            }
            int first = Math.toIntExact(piece.ordinal(at));
            long stop = Math.min(end, piece.end);
            int set = stored.nextSetBit(first);
            if (set >= 0 && set < first + (stop - at) / Block.PAGE_BYTES) {
                return at + (long) (set - first) * Block.PAGE_BYTES;
            }
            at = stop;
        }
        return end;
    }

    /**
     * The extents of a region in which {@code content}, by address, is accounted for; what has no
     * ordinal gets one.
     */
    List<Extent> extents(AddressRange region, List<AddressRange> content) {
        List<Extent> extents = new ArrayList<>();
        for (AddressRange range : content) {
            cover(range.start(), range.end());
            for (long at = range.start(); at < range.end(); ) {
                long end = runEnd(at, range.end());
                append(
                        extents,
                        new Extent(
                                (at - region.start()) / Block.PAGE_BYTES,
                                (end - at) / Block.PAGE_BYTES,
                                of(at)));
                at = end;
            }
        }
        return extents;
    }

    private static void append(List<Extent> extents, Extent more) {
        Extent last = extents.isEmpty() ? null : extents.getLast();
        if (last != null
                && last.firstPage() + last.pageCount() == more.firstPage()
                && last.endOrdinal() == more.firstOrdinal()) {
            extents.set(
                    extents.size() - 1,
                    new Extent(
                            last.firstPage(),
                            last.pageCount() + more.pageCount(),
                            last.firstOrdinal()));
        } else {
            extents.add(more);
        }
    }

    private @Nullable Piece pieceAt(long address) {
        Map.Entry<Long, Piece> below = pieces.floorEntry(address);
        return below == null || below.getValue().end <= address ? null : below.getValue();
    }
}
