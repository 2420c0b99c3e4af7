package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** All that run on this host, as far as they are ours to see. Stateless. Source: proc(5). */
final class Processes {
    private Processes() {}

    static Set<Integer> all() throws IOException {
        Set<Integer> pids = new TreeSet<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            entries.forEach(entry -> pids.add(Integer.parseInt(entry.getFileName().toString())));
        }
        return pids;
    }

    /** What is running in a process. */
    static String program(int pid) throws IOException {
        return Files.readString(Path.of("/proc/" + pid + "/comm"), StandardCharsets.ISO_8859_1).strip();
    }
}
