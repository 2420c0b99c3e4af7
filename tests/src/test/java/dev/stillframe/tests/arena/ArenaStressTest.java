package dev.stillframe.tests.arena;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.arena.ArenaImages.Flavour;
import dev.stillframe.tests.arena.ArenaStress.Load;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.HungProcess;
import dev.stillframe.tests.target.JavaCommand;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * With every collector, and with the interpreter and the first compiler: they stop for safepoints
 * in other places.
 */
@Timeout(600)
class ArenaStressTest {
    /** The slowest part is the interpreter's start. */
    private static final int SECONDS_TO_END = 90;

    /** A minute for all of them. */
    private static final int SECONDS_PER_LOAD = 15;

    private static final List<Load> ALL = List.of(Load.values());
    private static final List<String> MODES =
            List.of(
                    "-XX:+UseG1GC",
                    "-XX:+UseSerialGC",
                    "-XX:+UseParallelGC",
                    "-XX:+UseZGC",
                    "-XX:+UseShenandoahGC",
                    "-Xint",
                    "-XX:TieredStopAtLevel=1");

    @TempDir Path folder = Path.of("");

    static Stream<String> modes() {
        return MODES.stream();
    }

    @ParameterizedTest
    @MethodSource("modes")
    void everyImageOfAnEmulatedArenaIsOneInstant(String mode) throws Exception {
        stress(Flavour.EMULATED, mode, Campaign.turns(1, SECONDS_PER_LOAD), ALL);
    }

    /**
     * Starts two JVMs each time, so outside of a campaign only with a collector that stops all and
     * one that does not. The chain of a watched arena begins with a whole image: both kinds are
     * there.
     */
    static Stream<Arguments> nativeArenas() {
        return Campaign.isOn()
                ? Stream.of(Flavour.NATIVE, Flavour.WATCHED)
                        .flatMap(flavour -> MODES.stream().map(mode -> Arguments.of(flavour, mode)))
                : Stream.of("-XX:+UseG1GC", "-XX:+UseZGC")
                        .map(mode -> Arguments.of(Flavour.WATCHED, mode));
    }

    @ParameterizedTest
    @MethodSource("nativeArenas")
    void everyImageOfANativeArenaIsOneInstant(Flavour flavour, String mode) throws Exception {
        List<Load> loads = Campaign.isOn() ? ALL : List.of(Load.SLOW_ORACLE);
        stress(flavour, mode, Campaign.turns(1, SECONDS_PER_LOAD), loads);
    }

    private void stress(Flavour flavour, String mode, int seconds, List<Load> loads)
            throws Exception {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                flavour.name(),
                                String.valueOf(seconds),
                                String.valueOf(Seed.value()),
                                folder.resolve("images").toString()));
        loads.forEach(load -> arguments.add(load.name()));
        Path output = folder.resolve("output");
        Process child =
                new ProcessBuilder(JavaCommand.of(ArenaStress.class, List.of(mode), arguments))
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            if (!child.waitFor((long) seconds * loads.size() + SECONDS_TO_END, TimeUnit.SECONDS)) {
                String threads =
                        HungProcess.describe(child); // before the output, to which it may add
                throw new AssertionError(
                        "%s of %s hangs: %s%n%s"
                                .formatted(mode, flavour, threads, Files.readString(output)));
            }
            assertThat(child.exitValue())
                    .as("%s of %s: %s", mode, flavour, Files.readString(output))
                    .isZero();
            assertThat(Files.readString(output)).contains("done " + flavour + " images=");
            List<String> figures =
                    Files.readAllLines(output).stream()
                            .filter(line -> line.contains("images"))
                            .toList();
            System.out.println(mode + ": " + figures);
        } finally {
            HungProcess.kill(child);
        }
    }
}
