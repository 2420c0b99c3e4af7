package dev.stillframe.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is missing is told so that a person reads it: by reason, however many ranges there are. */
class RowsTest {
    @Test
    void nothingIsSaidToBeNothing() {
        assertThat(new Rows().missing(List.of()).lines()).containsExactly("missing  nothing");
    }

    @Test
    void rangesAreCountedByReasonAndTheLargestComesFirst() {
        List<Missing> missing = new ArrayList<>(List.of(missing(0, 1, "device memory")));
        IntStream.range(1, 100).forEach(i -> missing.add(missing(3L * i, 2, "shared memory")));
        missing.add(missing(3, 2, "shared memory")); // listed twice
        assertThat(new Rows().missing(missing).lines())
                .containsExactly(
                        "missing  796 KiB in 100 ranges",
                        "         792 KiB in 99 ranges: shared memory",
                        "           at 3000-5000, 6000-8000, 9000-b000 and 96 more",
                        "         4.00 KiB in 1 range: device memory",
                        "           at 0-1000",
                        "         (stillframe show --missing IMAGE lists all)");
    }

    @Test
    void aFewRangesAreAllThere() {
        assertThat(new Rows().missing(List.of(missing(1, 1, "a"), missing(2, 1, "b"))).lines())
                .containsExactly(
                        "missing  8.00 KiB in 2 ranges",
                        "         4.00 KiB in 1 range: a",
                        "           at 1000-2000",
                        "         4.00 KiB in 1 range: b",
                        "           at 2000-3000");
    }

    @Test
    void manyReasonsAndLongOnesAreCutWithTheWayToTheRest() {
        List<Missing> missing =
                IntStream.range(0, 30)
                        .mapToObj(i -> missing(2L * i, 1, "reason " + i + "x".repeat(1000)))
                        .toList();
        List<String> lines = new Rows().missing(missing).lines();
        assertThat(lines).hasSizeLessThan(50).allMatch(line -> line.length() < 500);
        assertThat(lines)
                .anyMatch(line -> line.contains("10 more reasons"))
                .last()
                .asString()
                .contains("--missing");
    }

    private static Missing missing(long page, long pages, String reason) {
        return new Missing(new AddressRange(page << 12, (page + pages) << 12), reason);
    }
}
