package dev.stillframe.tests.target;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program that a test runs to its end. Stateless. */
public final class Tool {
    private static final Duration WITHIN = Duration.ofMinutes(2);

    private Tool() {}

    /**
     * Runs a command and gives what it printed, standard output and errors together.
     *
     * @throws IOException if it cannot be started, fails or does not end in time; with what it
     *     printed
     */
    public static String run(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(NativeProgram.scratch(), "tool-", ".out");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(output.toFile())
                        .start();
        try {
            boolean ended = process.waitFor(WITHIN.toSeconds(), TimeUnit.SECONDS);
            String printed = new String(Files.readAllBytes(output), UTF_8);
            if (!ended || process.exitValue() != 0) {
                throw new IOException(
                        "%s: %s%n%s"
                                .formatted(command, ended ? "failed" : "does not end", printed));
            }
            return printed;
        } finally {
            process.destroyForcibly();
            Files.delete(output);
        }
    }
}
