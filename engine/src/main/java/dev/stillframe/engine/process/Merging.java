package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Kernel samepage merging, which drops the protection of the pages that it merges. Source: ksm(7)
 * in the kernel's admin-guide.
 */
final class Merging {
    private static final Path RUN = Path.of("/sys/kernel/mm/ksm/run");

    private Merging() {}

    /** Whether the kernel merges pages now; what it merged before keeps its protection. */
    static boolean isRunning() throws IOException {
        if (!Files.exists(RUN)) {
            return false; // a kernel without it
        }
        try (var reader = Files.newBufferedReader(RUN)) {
            return "1".equals(reader.readLine());
        }
    }
}
