package dev.stillframe.engine.target;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.Missing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Shared memory of the target that somebody maps writable elsewhere: protection is per page table, so such writes are not
 * seen. Stateless.
 */
public final class SharedElsewhere {
    /** Processes that come to be while we look are looked at too; but not for ever, if they do so faster than that. */
    private static final int PASSES = 8;

    private SharedElsewhere() {}

    /** Such memory, by mapping, in processes other than {@code pid}. Those that are not ours to see are passed over. */
    static List<Missing> find(int pid, List<Mapping> shown) throws IOException {
        List<Missing> found = new ArrayList<>();
        List<Mapping> shared = shown.stream().filter(Mapping::isSharedMemory).toList();
        Set<Integer> seen = new HashSet<>(List.of(pid, Math.toIntExact(ProcessHandle.current().pid())));
        boolean more = !shared.isEmpty();
        for (int pass = 0; more && pass < PASSES; pass++) {
            more = false;
            for (int other : Processes.all()) {
                if (seen.add(other)) {
                    more = true;
                    found.addAll(inProcess(shared, other));
                }
            }
        }
        return found;
    }

    private static List<Missing> inProcess(List<Mapping> shared, int other) {
        try {
            List<Mapping> theirs = Mapping.sharedOf(other);
            if (compare(shared, theirs, "").isEmpty()) {
                return List.of();
            }
            return compare(shared, theirs, "process %d (%s)".formatted(other, Processes.program(other)));
        } catch (IOException e) {
            return List.of(); // ended since, or hidden from us: then it hides what it maps as well
        }
    }

    /** What of {@code shown} lies in writable mappings among {@code theirs}, which {@code whose} are. */
    public static List<Missing> compare(List<Mapping> shown, List<Mapping> theirs, String whose) {
        List<Missing> found = new ArrayList<>();
        for (Mapping their : theirs) {
            if (!their.isShared() || !their.isWritable() || their.inode() == 0) {
                continue;
            }
            for (Mapping mine : shown) {
                if (mine.isSharedMemory() && their.inode() == mine.inode() && their.device().equals(mine.device())) {
                    addCommon(mine, their, whose, found);
                }
            }
        }
        return found;
    }

    private static void addCommon(Mapping mine, Mapping their, String whose, List<Missing> found) {
        long from = Math.max(mine.offset(), their.offset());
        long end =
                Math.min(mine.offset() + mine.range().sizeBytes(), their.offset() + their.range().sizeBytes());
        if (from < end) {
            long delta = mine.range().start() - mine.offset();
            found.add(
                    new Missing(
                            new AddressRange(from + delta, end + delta),
                            "shared memory that %s maps writable too: its writes are not seen, so the copy may be of more than one instant"
                                    .formatted(whose)));
        }
    }
}
