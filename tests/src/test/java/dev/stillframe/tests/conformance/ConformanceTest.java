package dev.stillframe.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.conformance.Backend;
import dev.stillframe.engine.conformance.Matrix;
import dev.stillframe.engine.conformance.Suite;
import dev.stillframe.tests.system.Campaign;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The whole list, everywhere. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class ConformanceTest {
    private static final int SCENARIOS_AT_LEAST = 190;

    @Test
    void theKernelAndTheModelDoWhatTheScenariosSay() {
        for (int turn = 0; turn < Campaign.turns(1, 20); turn++) {
            Matrix matrix = Runs.of(Suite.builtIn(), Backend.values());
            assertThat(unexpected(matrix)).as("what is not as the scenarios say").isEmpty();
            assertThat(matrix.disagreements()).as("where the kernel and MODERN disagree").isEmpty();
            assertThat(matrix.scenarios()).hasSizeGreaterThanOrEqualTo(SCENARIOS_AT_LEAST);
            assertThat(notRun(matrix, Backend.KERNEL))
                    .as("what a kernel with userfaultfd cannot run, and why")
                    .allMatch(remark -> remark.startsWith("needs "))
                    .hasSizeLessThanOrEqualTo(20);
            assertThat(notRun(matrix, Backend.MODERN))
                    .as("what the model cannot run, and why")
                    .allMatch(remark -> remark.startsWith("kernel only: "))
                    .hasSizeLessThanOrEqualTo(10);
        }
    }

    private static List<String> unexpected(Matrix matrix) {
        return matrix.cells().stream()
                .filter(cell -> !cell.expected())
                .map(
                        cell ->
                                "%s %s: %s"
                                        .formatted(
                                                cell.scenario().id(),
                                                cell.backend(),
                                                cell.remark()))
                .toList();
    }

    private static List<String> notRun(Matrix matrix, Backend backend) {
        return matrix.cells().stream()
                .filter(cell -> cell.backend() == backend && cell.mark().equals("-"))
                .map(Matrix.Cell::remark)
                .toList();
    }
}
