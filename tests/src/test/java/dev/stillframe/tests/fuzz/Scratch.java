package dev.stillframe.tests.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Files that a target makes for each input, in memory where the system has such a directory. */
final class Scratch {
    private static final Path MEMORY = Path.of("/dev/shm");

    private Scratch() {}

    /** A new directory, which is removed when the JVM ends. */
    static Path directory() {
        try {
            Path directory =
                    Files.isWritable(MEMORY)
                            ? Files.createTempDirectory(MEMORY, "stillframe-fuzz-")
                            : Files.createTempDirectory("stillframe-fuzz-");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> remove(directory)));
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Removes a directory with files in it. */
    static void remove(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
