package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whether the fence of {@link WriterSlots#fenceAllThreads} orders what the write barrier needs
 * ordered, seen with jcstress in JVMs of their own: {@link BarrierStress}. Two processors are
 * needed for two threads to be out of order.
 */
@Timeout(300)
class BarrierFenceTest {
    private static final int ATTEMPTS = 8;

    /** A line of the table of results: both figures, and how often. */
    private static final Pattern OUTCOME = Pattern.compile("^ +([01]), ([01]) +([0-9,]+) .*");

    @TempDir Path results;

    @Test
    void noOpenWriteIsOnTheWrongSide() throws Exception {
        needsTwoProcessors();
        Map<String, Long> seen = run(BarrierStress.Fenced.class, "fenced");
        assertThat(seen).containsOnlyKeys("00", "11");
    }

    @Test
    void withoutTheFenceOneIsSeen() throws Exception {
        needsTwoProcessors();
        boolean seen = false;
        for (int attempt = 0; !seen && attempt < ATTEMPTS; attempt++) {
            seen = run(BarrierStress.Unfenced.class, "unfenced" + attempt).containsKey("01");
        }
        assertThat(seen).as("a write on the wrong side of T0").isTrue();
    }

    private static void needsTwoProcessors() {
        assumeThat(Runtime.getRuntime().availableProcessors()).as("processors").isGreaterThan(1);
    }

    private Map<String, Long> run(Class<?> test, String name)
            throws IOException, InterruptedException {
        Path output = results.resolve(name + ".txt");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(
                List.of("-cp", System.getProperty("java.class.path"), "org.openjdk.jcstress.Main"));
        command.addAll(
                List.of(
                        "-t",
                        Pattern.quote(test.getName().replace('$', '.')),
                        "-r",
                        results.resolve(name).toString()));
        // Few states at a time: the two threads meet in each anew.
        command.addAll(
                List.of(
                        "-m",
                        "quick",
                        "-f",
                        "1",
                        "-sc",
                        "false",
                        "-strideSize",
                        "2",
                        "-strideCount",
                        "1",
                        "-v"));
        Process jcstress =
                new ProcessBuilder(command)
                        .directory(results.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        jcstress.waitFor();
        return outcomes(Files.readString(output));
    }

    private static Map<String, Long> outcomes(String output) {
        int table = output.indexOf("Results across all configurations");
        assertThat(table).as("results in\n%s", output).isPositive();
        Map<String, Long> outcomes = new TreeMap<>();
        for (String line : output.substring(table).lines().toList()) {
            Matcher outcome = OUTCOME.matcher(line);
            if (outcome.matches() && !outcome.group(3).equals("0")) {
                outcomes.put(
                        outcome.group(1) + outcome.group(2),
                        Long.valueOf(outcome.group(3).replace(",", "")));
            }
        }
        return outcomes;
    }
}
