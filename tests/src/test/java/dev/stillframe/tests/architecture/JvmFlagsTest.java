package dev.stillframe.tests.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What the JVM must be told is written down once, in the pom; tests, benchmarks and the launcher
 * read it there.
 */
class JvmFlagsTest {
    private static final String ONE_OF_THEM = "--add-opens" + "=java.base/";
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    @Test
    void theyStandInOnePlace() throws IOException {
        try (Stream<Path> files = Files.walk(ROOT)) {
            List<Path> naming =
                    files.filter(Files::isRegularFile)
                            .map(ROOT::relativize)
                            .filter(
                                    file ->
                                            !isBuilt(file)
                                                    && isText(file)
                                                    && read(file).contains(ONE_OF_THEM))
                            .toList();
            assertThat(naming).containsExactly(Path.of("pom.xml"));
        }
    }

    private static boolean isBuilt(Path file) {
        return file.startsWith(".git")
                || Stream.of("agent", "engine", "transport", "tests")
                        .anyMatch(module -> file.startsWith(Path.of(module, "target")));
    }

    private static boolean isText(Path file) {
        String name = String.valueOf(file.getFileName());
        return !name.contains(".")
                || Stream.of(".xml", ".java", ".sh", ".config", ".flags", ".properties", ".md")
                        .anyMatch(name::endsWith);
    }

    private static String read(Path file) {
        try {
            return Files.readString(ROOT.resolve(file), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
