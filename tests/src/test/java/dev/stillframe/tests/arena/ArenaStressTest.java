package dev.stillframe.tests.arena;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.JavaCommand;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(300)
class ArenaStressTest {
    /** The slowest part is the interpreter's start. */
    private static final int SECONDS_TO_END = 90;

    @TempDir Path folder = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"G1", "Serial", "Parallel", "Z", "Shenandoah"})
    void everyImageIsOneInstantWithEveryCollector(String collector) throws Exception {
        stress(List.of("-XX:+Use" + collector + "GC"));
    }

    /** The interpreter stops for safepoints in places where compiled code never does. */
    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1"})
    void everyImageIsOneInstantWithEveryCompiler(String mode) throws Exception {
        stress(List.of(mode));
    }

    private void stress(List<String> flags) throws Exception {
        int seconds = Campaign.turns(3, 60);
        List<String> command =
                JavaCommand.of(
                        ArenaStress.class, flags, List.of(String.valueOf(seconds), String.valueOf(Seed.value())));
        Path output = folder.resolve("output");
        Process child = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        try {
            assertThat(child.waitFor(seconds + SECONDS_TO_END, TimeUnit.SECONDS))
                    .as("%s hangs: %s", flags, Files.readString(output))
                    .isTrue();
            assertThat(child.exitValue()).as("%s: %s", flags, Files.readString(output)).isZero();
            assertThat(Files.readString(output)).contains("done images=");
            System.out.println(flags + ": " + Files.readString(output).lines().reduce("", (_, line) -> line));
        } finally {
            child.destroyForcibly();
        }
    }
}
