package dev.stillframe.engine.instant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.memory.AddressRange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is missing is listed once, with all that is wrong with it. */
class MissingTest {
    @Test
    void aRangeThatWasListedTwiceIsListedOnce() {
        assertThat(Missing.once(List.of(missing(10, 20, "gone"), missing(10, 20, "gone"))))
                .containsExactly(missing(10, 20, "gone"));
    }

    @Test
    void aRangeIsSplitWhereReasonsDifferAndHasAllOfThem() {
        assertThat(Missing.once(List.of(missing(10, 30, "shared"), missing(20, 40, "gone"))))
                .containsExactly(
                        missing(10, 20, "shared"),
                        missing(20, 30, "gone; also: shared"),
                        missing(30, 40, "gone"));
    }

    @Test
    void neighboursWithTheSameReasonsAreOneRange() {
        assertThat(
                        Missing.once(
                                List.of(
                                        missing(20, 30, "a"),
                                        missing(10, 20, "a"),
                                        missing(30, 40, "b"))))
                .containsExactly(missing(10, 30, "a"), missing(30, 40, "b"));
    }

    @Test
    void nothingBecomesOfAGapOrOfNothing() {
        assertThat(Missing.once(List.of())).isEmpty();
        assertThat(Missing.once(List.of(missing(30, 40, "a"), missing(10, 20, "a"))))
                .containsExactly(missing(10, 20, "a"), missing(30, 40, "a"));
    }

    @Test
    void aThousandReasonsAreNamedAsFarAsAnybodyReads() {
        List<Missing> all =
                IntStream.range(0, 1000)
                        .mapToObj(i -> missing(1, 2, "reason %04d".formatted(i)))
                        .toList();
        Missing once = Missing.once(all).getFirst();
        assertThat(once.reason())
                .startsWith("reason 0000; also: reason 0001")
                .endsWith("900 more reasons");
    }

    /** Against a list of reasons for every address; in whatever order they come. */
    @Test
    void anyListSaysTheSameOfEveryAddress() {
        long seed = Long.getLong("stillframe.seed", System.nanoTime());
        System.out.println("repeat with -Dstillframe.seed=" + seed);
        Random random = new Random(seed);
        for (int turn = 0; turn < 2000; turn++) {
            List<Missing> all = new ArrayList<>();
            List<TreeSet<String>> byAddress =
                    IntStream.range(0, 40).mapToObj(_ -> new TreeSet<String>()).toList();
            for (int i = random.nextInt(12); i > 0; i--) {
                int start = random.nextInt(39);
                int end = start + 1 + random.nextInt(40 - start - 1);
                String reason = Character.toString('a' + random.nextInt(3));
                all.add(missing(start, end, reason));
                byAddress.subList(start, end).forEach(reasons -> reasons.add(reason));
            }
            List<Missing> once = Missing.once(all);
            String[] seen = new String[40];
            Arrays.fill(seen, "");
            long end = -1;
            String last = "";
            for (Missing each : once) {
                assertThat(each.range().start()).isGreaterThanOrEqualTo(end);
                assertThat(each.range().start() == end && each.reason().equals(last)).isFalse();
                Arrays.fill(
                        seen, (int) each.range().start(), (int) each.range().end(), each.reason());
                end = each.range().end();
                last = each.reason();
            }
            assertThat(seen)
                    .as("seed %d, of %s", seed, all)
                    .containsExactlyElementsOf(
                            byAddress.stream().map(each -> String.join("; also: ", each)).toList());
            Collections.shuffle(all, random);
            assertThat(Missing.once(all)).isEqualTo(once);
        }
    }

    private static Missing missing(long start, long end, String reason) {
        return new Missing(new AddressRange(start, end), reason);
    }
}
