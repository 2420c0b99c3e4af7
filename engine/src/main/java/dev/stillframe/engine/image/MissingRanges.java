package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Missing;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The list of what is missing, to be asked by address. Immutable. */
final class MissingRanges {
    /** Disjoint, by start; where entries overlap, the one that starts first counts. */
    private final long[] starts;

    private final long[] ends;
    private final Missing[] entries;
    private final int count;

    /** An entry, from where it counts to its end. */
    record Piece(long start, long end, String reason) {}

    MissingRanges(List<Missing> missing) {
        entries = missing.toArray(Missing[]::new);
        Arrays.sort(entries, Comparator.comparingLong(entry -> entry.range().start()));
        starts = new long[entries.length];
        ends = new long[entries.length];
        int last = 0;
        long end = 0;
        for (Missing entry : entries) {
            if (entry.range().end() > end) {
                starts[last] = Math.max(entry.range().start(), end);
                end = entry.range().end();
                ends[last] = end;
                entries[last++] = entry;
            }
        }
        count = last;
    }

    /** The entry that holds {@code address}, or null. */
    @Nullable Piece at(long address) {
        int place = place(address);
        return place >= 0 && address < ends[place]
                ? new Piece(starts[place], ends[place], entries[place].reason())
                : null;
    }

    /** The last entry that begins at or before {@code address}; -1 if none does. */
    private int place(long address) {
        int found = Arrays.binarySearch(starts, 0, count, address);
        return found >= 0 ? found : -found - 2;
    }

    /**
     * The first address behind {@code address} at which an entry begins, or {@code limit} if that
     * is lower.
     */
    long nextStart(long address, long limit) {
        int next = place(address) + 1;
        return next == count ? limit : Math.min(starts[next], limit);
    }

    /** Whether every byte from {@code start} to {@code end} is listed. */
    boolean cover(long start, long end) {
        long address = start;
        while (address < end) {
            int place = place(address);
            if (place < 0 || address >= ends[place]) {
                return false;
            }
            address = ends[place];
        }
        return true;
    }
}
