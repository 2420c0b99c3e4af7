package dev.stillframe.engine.process;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Shared memory of the target that somebody maps writable elsewhere: protection is per page table,
 * so such writes are not seen. Stateless.
 */
public final class SharedElsewhere {
    /**
     * Processes that come to be while we look are looked at too; but not for ever, if they do so
     * faster than that.
     */
    private static final int PASSES = 8;

    /** So many processes are named in a reason. */
    private static final int NAMED = 3;

    private SharedElsewhere() {}

    /**
     * Such memory, by mapping, in processes other than {@code pid}. Those that are not ours to see
     * are passed over.
     */
    static List<Missing> find(int pid, List<Mapping> shown) throws IOException {
        Map<AddressRange, List<Integer>> sharers = new LinkedHashMap<>();
        List<Mapping> shared = shown.stream().filter(Mapping::isChangedByOthers).toList();
        Set<Integer> seen =
                new HashSet<>(List.of(pid, Math.toIntExact(ProcessHandle.current().pid())));
        boolean more = !shared.isEmpty();
        for (int pass = 0; more && pass < PASSES; pass++) {
            more = false;
            for (int other : Processes.all()) {
                if (seen.add(other)) {
                    more = true;
                    for (AddressRange range : inProcess(shared, other)) {
                        sharers.computeIfAbsent(range, any -> new ArrayList<>()).add(other);
                    }
                }
            }
        }
        Map<List<Integer>, String> names =
                new HashMap<>(); // many mappings, but few sets of processes
        List<Missing> found = new ArrayList<>();
        sharers.forEach(
                (range, pids) ->
                        found.add(
                                missing(
                                        range,
                                        names.computeIfAbsent(pids, SharedElsewhere::names))));
        return found;
    }

    private static List<AddressRange> inProcess(List<Mapping> shared, int other) {
        try {
            return common(shared, Mapping.sharedOf(other)).stream().distinct().toList();
        } catch (IOException e) {
            return List.of(); // ended since, or hidden from us: then it hides what it maps as well
        }
    }

    private static String names(List<Integer> pids) {
        String named =
                pids.stream()
                        .limit(NAMED)
                        .map(SharedElsewhere::name)
                        .collect(Collectors.joining(", "));
        String others = pids.size() > NAMED ? " and %d more".formatted(pids.size() - NAMED) : "";
        return (pids.size() == 1 ? "process " : "processes ") + named + others;
    }

    private static String name(int pid) {
        try {
            return "%d (%s)".formatted(pid, Processes.program(pid));
        } catch (IOException e) {
            return "%d (ended since)".formatted(pid);
        }
    }

    /**
     * What of {@code shown} lies in writable mappings among {@code theirs}, which {@code whose}
     * are.
     */
    public static List<Missing> compare(List<Mapping> shown, List<Mapping> theirs, String whose) {
        return common(shown, theirs).stream().map(range -> missing(range, whose)).toList();
    }

    private static List<AddressRange> common(List<Mapping> shown, List<Mapping> theirs) {
        List<AddressRange> found = new ArrayList<>();
        for (Mapping their : theirs) {
            if (!their.isShared() || !their.isWritable() || their.inode() == 0) {
                continue;
            }
            for (Mapping mine : shown) {
                if (mine.isChangedByOthers()
                        && their.inode() == mine.inode()
                        && their.device().equals(mine.device())) {
                    addCommon(mine, their, found);
                }
            }
        }
        return found;
    }

    private static void addCommon(Mapping mine, Mapping their, List<AddressRange> found) {
        long from = Math.max(mine.offset(), their.offset());
        long end =
                Math.min(
                        mine.offset() + mine.range().sizeBytes(),
                        their.offset() + their.range().sizeBytes());
        if (from < end) {
            long delta = mine.range().start() - mine.offset();
            found.add(new AddressRange(from + delta, end + delta));
        }
    }

    private static Missing missing(AddressRange range, String whose) {
        return new Missing(
                range,
                "shared memory that is mapped writable by %s too: writes there are not seen, so the copy may be of more than one instant"
                        .formatted(whose));
    }
}
