package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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
        return read(Path.of("/proc/" + pid + "/comm")).strip();
    }

    /**
     * What a file of a process or a thread holds.
     *
     * @throws NoSuchFileException if it has ended, be it between the opening and the reading, which
     *     the kernel answers with ESRCH
     */
    static String read(Path file) throws IOException {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            if (Files.exists(file)) {
                throw e;
            }
            NoSuchFileException ended = new NoSuchFileException(file.toString());
            ended.initCause(e);
            throw ended;
        }
    }
}
