package dev.stillframe.tests.target;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/** Which programs there are on this machine. Stateless. */
public final class Installed {
    private Installed() {}

    /** Whether {@code program} can be started by that name. */
    public static boolean has(String program) {
        Stream<String> path =
                Arrays.stream(
                        System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1));
        return path.filter(directory -> !directory.isEmpty())
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
    }
}
