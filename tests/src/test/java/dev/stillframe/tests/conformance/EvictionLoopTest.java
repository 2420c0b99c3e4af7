package dev.stillframe.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.conformance.Backend;
import dev.stillframe.engine.conformance.Matrix;
import dev.stillframe.engine.conformance.Matrix.Cell;
import dev.stillframe.engine.conformance.MatrixText;
import dev.stillframe.tests.system.Campaign;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A pager that protects a page, writes it to storage straight from the protected memory, discards
 * it and brings it back when it is touched, under a hot writer: what one kernel hung on and another
 * would have lost writes by.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class EvictionLoopTest {
    private static String loop(String howLong) {
        return """
        scenario E1 the pager's loop
          memory a anon 64
          userfaultfd u
          register a missing|wp
          eviction a pool 16 %s hot W1 W2
        """
                .formatted(howLong);
    }

    @Test
    void theKernelNeitherHangsNorLosesAWrite() throws Exception {
        String howLong = "seconds " + Campaign.turns(4, 60);
        Matrix matrix = Runs.of(loop(howLong), Backend.KERNEL);
        assertThat(matrix.cells().getFirst().mark())
                .as("%s", MatrixText.lines(matrix))
                .isEqualTo("ok");
    }

    @Test
    void norWhereTwoPagesChangePlacesAllTheTime() throws Exception {
        int turns = Campaign.turns(400, 10000);
        Matrix matrix =
                Runs.of(
                        """
                        scenario E2 two pages in a pool of one
                          memory a anon 2
                          userfaultfd u
                          register a missing|wp
                          eviction a pool 1 turns %d hot W1
                        """
                                .formatted(turns),
                        Backend.KERNEL);
        assertThat(matrix.cells().getFirst().mark())
                .as("%s", MatrixText.lines(matrix))
                .isEqualTo("ok");
    }

    @ParameterizedTest
    @EnumSource(names = {"PRE", "V3", "PAGECOUNT", "MODERN"})
    void norDoTheseRules(Backend rule) throws Exception {
        assertThat(cell(rule).mark()).as(cell(rule).remark()).isEqualTo("ok");
    }

    @Test
    void underForcedWriteThePagerHangsOnItsOwnProtection() throws Exception {
        assertThat(cell(Backend.FORCED_WRITE).remark())
                .contains("the pager, writing a page to storage, is parked");
    }

    @Test
    void underTheSecondVersionWritesAreLost() throws Exception {
        assertThat(cell(Backend.V2).remark()).containsPattern("[1-9]\\d* writes were lost");
    }

    private static Cell cell(Backend rule) throws Exception {
        return Runs.of(loop("turns 500"), rule).cells().getFirst();
    }
}
