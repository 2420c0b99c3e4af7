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
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** With every collector, and with the interpreter and the first compiler: they stop for safepoints in other places. */
@Timeout(600)
class ArenaStressTest {
    /** The slowest part is the interpreter's start. */
    private static final int SECONDS_TO_END = 90;

    private static final List<String> MODES =
            List.of(
                    "-XX:+UseG1GC",
                    "-XX:+UseZGC",
                    "-XX:+UseSerialGC",
                    "-XX:+UseParallelGC",
                    "-XX:+UseShenandoahGC",
                    "-Xint",
                    "-XX:TieredStopAtLevel=1");

    @TempDir Path folder = Path.of("");

    static Stream<String> modes() {
        return MODES.stream();
    }

    /** Each starts two JVMs, which takes its time: every build has a collector that stops all and one that does not. */
    static Stream<String> nativeModes() {
        return MODES.stream().limit(Campaign.turns(2, MODES.size()));
    }

    @ParameterizedTest
    @MethodSource("modes")
    void everyImageOfAnEmulatedArenaIsOneInstant(String mode) throws Exception {
        stress(Flavour.EMULATED, mode, Campaign.turns(1, 20), List.of(Load.values()));
    }

    /** The chain of a watched arena begins with a whole image, so that every build has both kinds. */
    @ParameterizedTest
    @MethodSource("nativeModes")
    void everyImageOfAWatchedArenaIsOneInstant(String mode) throws Exception {
        List<Load> loads = List.of(Load.values()).subList(0, Campaign.turns(1, 3));
        stress(Flavour.WATCHED, mode, Campaign.turns(1, 20), loads);
    }

    /** Without the marks of a watch. */
    @ParameterizedTest
    @MethodSource("nativeModes")
    @EnabledIfSystemProperty(named = "stillframe.campaign", matches = "true")
    void everyImageOfANativeArenaIsOneInstant(String mode) throws Exception {
        stress(Flavour.NATIVE, mode, 20, List.of(Load.values()));
    }

    private void stress(Flavour flavour, String mode, int seconds, List<Load> loads) throws Exception {
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
                String threads = HungProcess.describe(child); // before the output, to which it may add
                throw new AssertionError(
                        "%s of %s hangs: %s%n%s".formatted(mode, flavour, threads, Files.readString(output)));
            }
            assertThat(child.exitValue()).as("%s of %s: %s", mode, flavour, Files.readString(output)).isZero();
            assertThat(Files.readString(output)).contains("done " + flavour + " images=");
            List<String> figures =
                    Files.readAllLines(output).stream().filter(line -> line.contains("images")).toList();
            System.out.println(mode + ": " + figures);
        } finally {
            HungProcess.kill(child);
        }
    }
}
