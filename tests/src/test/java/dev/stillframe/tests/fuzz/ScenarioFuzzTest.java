package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.stillframe.engine.conformance.Scenario;
import dev.stillframe.engine.conformance.ScenarioFormatException;
import dev.stillframe.engine.conformance.ScenarioParser;
import dev.stillframe.engine.conformance.ScenarioText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Scenarios as people write them. */
class ScenarioFuzzTest {
    private static final Path SCENARIOS =
            Path.of("../engine/src/main/resources/dev/stillframe/engine/conformance/scenarios");
    private static final Budget BUDGET = new Budget(512 << 10, 2048, Duration.ofSeconds(1));

    /** Each scenario of the suite. */
    static Stream<byte[]> seeds() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        try (Stream<Path> files = Files.list(SCENARIOS)) {
            for (Path file : files.sorted().toList()) {
                for (String scenario : Files.readString(file).split("\n(?=scenario )")) {
                    seeds.add(scenario.getBytes(StandardCharsets.UTF_8));
                }
            }
        }
        return seeds.stream();
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(ScenarioFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void scenariosOrAFormatException(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        try {
            List<Scenario> read =
                    BUDGET.spend(input.length, () -> ScenarioParser.parse("input", text));
            List<Scenario> again = ScenarioParser.parse("again", ScenarioText.of(read));
            assertThat(ScenarioText.meaning(again)).isEqualTo(ScenarioText.meaning(read));
        } catch (ScenarioFormatException e) {
            assertThat(e).hasMessageStartingWith("input:");
        }
    }
}
