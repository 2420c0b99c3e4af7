package dev.stillframe.engine.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much memory can still be used: proc_meminfo(5) and the limit of our cgroup. Stateless. */
public final class FreeMemory {
    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
    private static final String OWN = "0::";

    private FreeMemory() {}

    /** In bytes, without that others are paged out for it. */
    public static long bytes() throws IOException {
        long free = Long.MAX_VALUE;
        for (String line : Files.readAllLines(MEMINFO)) {
            if (line.startsWith("MemAvailable:")) {
                free = Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        for (String line : Files.readAllLines(Path.of("/proc/self/cgroup"))) {
            if (line.startsWith(OWN)) {
                Path own = CGROUPS.resolve(line.substring(OWN.length() + 1));
                free = Math.min(free, freeOf(own));
            }
        }
        return free;
    }

    /** As far as the cgroup itself has a limit: those above it may have another. */
    private static long freeOf(Path cgroup) throws IOException {
        Path limit = cgroup.resolve("memory.max");
        Path used = cgroup.resolve("memory.current");
        if (!Files.exists(limit) || !Files.exists(used)) {
            return Long.MAX_VALUE;
        }
        String most = Files.readString(limit).strip();
        return most.equals("max")
                ? Long.MAX_VALUE
                : Math.max(
                        0, Long.parseLong(most) - Long.parseLong(Files.readString(used).strip()));
    }
}
