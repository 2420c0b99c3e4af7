package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.Missing;

import org.jspecify.annotations.Nullable;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The list of what is missing, to be asked by address. Immutable. */
final class MissingRanges {
    /** Disjoint, by start; where entries overlap, the one that starts first counts. */
    private final TreeMap<Long, Missing> byStart = new TreeMap<>();

    MissingRanges(List<Missing> missing) {
        List<Missing> sorted =
                missing.stream()
                        .sorted(Comparator.comparingLong(entry -> entry.range().start()))
                        .toList();
        long end = 0;
        for (Missing entry : sorted) {
            if (entry.range().end() > end) {
                long start = Math.max(entry.range().start(), end);
                end = entry.range().end();
                byStart.put(start, new Missing(new AddressRange(start, end), entry.reason()));
            }
        }
    }

    /** The entry that holds {@code address}, or null. */
    @Nullable Missing at(long address) {
        Map.Entry<Long, Missing> floor = byStart.floorEntry(address);
        return floor != null && floor.getValue().range().contains(address)
                ? floor.getValue()
                : null;
    }

    /**
     * The first address behind {@code address} at which an entry begins, or {@code limit} if that
     * is lower.
     */
    long nextStart(long address, long limit) {
        Long next = byStart.higherKey(address);
        return next == null ? limit : Math.min(next, limit);
    }

    /** Whether every byte from {@code start} to {@code end} is listed. */
    boolean cover(long start, long end) {
        long address = start;
        while (address < end) {
            Missing entry = at(address);
            if (entry == null) {
                return false;
            }
            address = entry.range().end();
        }
        return true;
    }
}
