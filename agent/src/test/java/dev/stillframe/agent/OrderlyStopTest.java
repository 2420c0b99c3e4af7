package dev.stillframe.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class OrderlyStopTest {
    /**
     * The command of the child process: works until interrupted, cleans up, and says so by its exit
     * code.
     */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            int code = Integer.parseInt(arguments[0]);
            System.exit(
                    OrderlyStop.run(
                            arguments.length > 1 ? () -> code : () -> workUntilInterrupted(code)));
        }

        private static int workUntilInterrupted(int code) {
            System.out.println("working");
            try {
                new CountDownLatch(1).await();
                return 1;
            } catch (InterruptedException e) {
                System.out.println("cleaned up");
                return code;
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3})
    void aSignalLetsTheCommandCleanUpAndChooseTheExitCode(int code)
            throws IOException, InterruptedException {
        Process child = start(Integer.toString(code));
        try (BufferedReader lines = child.inputReader(StandardCharsets.UTF_8)) {
            assertThat(lines.readLine()).isEqualTo("working");
            Process kill = new ProcessBuilder("kill", "-TERM", Long.toString(child.pid())).start();
            assertThat(kill.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(lines.readLine()).isEqualTo("cleaned up");
            assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(child.exitValue()).isEqualTo(code);
        } finally {
            child.destroyForcibly();
        }
    }

    @Test
    void withoutASignalTheExitCodeIsTheCommands() throws IOException, InterruptedException {
        Process child = start("2", "at once");
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(child.exitValue()).isEqualTo(2);
    }

    private static Process start(String... arguments) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String classPath = System.getProperty("java.class.path");
        List<String> command =
                new ArrayList<>(List.of(java, "-cp", classPath, Child.class.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }
}
