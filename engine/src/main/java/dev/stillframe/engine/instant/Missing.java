package dev.stillframe.engine.instant;

import dev.stillframe.engine.memory.AddressRange;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Memory that belongs to the instant but is not in the image, and why. Immutable.
 *
 * @param range the addresses that are missing
 * @param reason a sentence for a person, without a full stop
 */
public record Missing(AddressRange range, String reason) {
    /**
     * Behind that many reasons for one range the others are counted: many processes may share
     * memory.
     */
    private static final int MAX_REASONS = 100;

    private static final String AND = "; also: ";

    /** JSON from elsewhere may say null. */
    public Missing {
        Objects.requireNonNull(range, "range");
        Objects.requireNonNull(reason, "reason");
    }

    /**
     * The same memory with every address listed once: by address, split where the reasons change
     * and joined where they do not. Several reasons become one, in the order of their letters, so
     * that the result does not depend on the order of {@code all}.
     */
    public static List<Missing> once(Collection<Missing> all) {
        TreeMap<Long, List<Change>> changes = new TreeMap<>();
        for (Missing each : all) {
            changes.computeIfAbsent(each.range.start(), _ -> new ArrayList<>())
                    .add(new Change(each.reason, 1));
            changes.computeIfAbsent(each.range.end(), _ -> new ArrayList<>())
                    .add(new Change(each.reason, -1));
        }
        List<Missing> result = new ArrayList<>();
        TreeMap<String, Integer> reasons =
                new TreeMap<>(); // how often each is given for the addresses from here on
        long from = 0;
        for (Map.Entry<Long, List<Change>> entry : changes.entrySet()) {
            if (!reasons.isEmpty()) {
                append(
                        result,
                        new Missing(
                                new AddressRange(from, entry.getKey()), joined(reasons.keySet())));
            }
            for (Change change : entry.getValue()) {
                reasons.merge(
                        change.reason, change.by, (had, by) -> had + by == 0 ? null : had + by);
            }
            from = entry.getKey();
        }
        return result;
    }

    /** At some address: one range more that gives this reason, or one less. */
    private record Change(String reason, int by) {}

    private static void append(List<Missing> result, Missing next) {
        Missing last = result.isEmpty() ? null : result.getLast();
        if (last != null
                && last.range.end() == next.range.start()
                && last.reason.equals(next.reason)) {
            result.set(
                    result.size() - 1,
                    new Missing(
                            new AddressRange(last.range.start(), next.range.end()), next.reason));
        } else {
            result.add(next);
        }
    }

    private static String joined(Collection<String> reasons) {
        String first = String.join(AND, reasons.stream().limit(MAX_REASONS).toList());
        int more = reasons.size() - MAX_REASONS;
        return more > 0 ? first + AND + more + " more reasons" : first;
    }
}
