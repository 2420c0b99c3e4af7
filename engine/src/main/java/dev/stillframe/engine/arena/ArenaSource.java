package dev.stillframe.engine.arena;

import dev.stillframe.engine.instant.Source;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What an image says of the program whose arena it is. Stateless. */
final class ArenaSource {
    private ArenaSource() {}

    /** This process, by the name of its arena. */
    static Source of(String arena) {
        ProcessHandle self = ProcessHandle.current();
        return new Source(
                Math.toIntExact(self.pid()),
                self.parent().map(parent -> Math.toIntExact(parent.pid())).orElse(0),
                0,
                0,
                0,
                0,
                "arena " + arena,
                List.of(),
                self.info().command().orElse(""),
                host(),
                machine(System.getProperty("os.arch", "unknown")),
                System.getProperty("os.name") + " " + System.getProperty("os.version"));
    }

    private static String host() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname"))
                    .strip(); // a look-up of names could take long
        } catch (IOException e) {
            return "unknown"; // not Linux
        }
    }

    /** As {@code uname -m} has it. */
    private static String machine(String architecture) {
        return architecture.equals("amd64") ? "x86_64" : architecture;
    }
}
