package dev.stillframe.engine.target;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.Missing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Shared memory of the target that another process maps writable too: protection is per page table, so that process's
 * writes are not seen.
 */
final class SharedElsewhere {
    private SharedElsewhere() {}

    /** Such memory, by mapping. Looks at the mappings of every process; those that are not ours to see are passed over. */
    static List<Missing> find(int pid, List<Mapping> mappings) throws IOException {
        List<Mapping> shared = mappings.stream().filter(Mapping::isSharedMemory).toList();
        List<Missing> found = new ArrayList<>();
        if (!shared.isEmpty()) {
            for (int other : processes()) {
                if (other != pid && other != ProcessHandle.current().pid()) {
                    compare(shared, other, found);
                }
            }
        }
        return found;
    }

    private static Set<Integer> processes() throws IOException {
        Set<Integer> pids = new TreeSet<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            entries.forEach(entry -> pids.add(Integer.parseInt(entry.getFileName().toString())));
        }
        return pids;
    }

    private static void compare(List<Mapping> shared, int other, List<Missing> found) {
        List<Mapping> theirs;
        String name;
        try {
            theirs = Mapping.of(other);
            name = Files.readString(Path.of("/proc/" + other + "/comm"), StandardCharsets.ISO_8859_1).strip();
        } catch (IOException e) {
            return; // ended since, or hidden from us: then it hides what it maps as well
        }
        for (Mapping mine : shared) {
            for (Mapping their : theirs) {
                if (their.isShared()
                        && their.isWritable()
                        && their.inode() == mine.inode()
                        && their.device().equals(mine.device())) {
                    common(mine, their, other, name, found);
                }
            }
        }
    }

    private static void common(Mapping mine, Mapping their, int other, String name, List<Missing> found) {
        long from = Math.max(mine.offset(), their.offset());
        long end =
                Math.min(mine.offset() + mine.range().sizeBytes(), their.offset() + their.range().sizeBytes());
        if (from < end) {
            long delta = mine.range().start() - mine.offset();
            found.add(
                    new Missing(
                            new AddressRange(from + delta, end + delta),
                            "shared memory that process %d (%s) maps writable too: its writes are not seen, so the copy may be of more than one instant"
                                    .formatted(other, name)));
        }
    }
}
