package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Convergence.Decision;
import dev.stillframe.engine.capture.Convergence.Round;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConvergenceTest {
    private static final long MUCH = 100_000;
    private static final long LONG_NANOS = 1_000_000_000_000L;
    private static final Convergence CONVERGENCE = new Convergence(Duration.ofMillis(10), 12);

    private static Round left(long pages) {
        return new Round(pages, LONG_NANOS, 2_000_000, 2_000, MUCH);
    }

    /** Decides after each round, as the run does; the rounds that were needed. */
    private static int rounds(Decision end, long... leftPages) {
        List<Round> rounds = new ArrayList<>();
        for (long pages : leftPages) {
            rounds.add(left(pages));
            Decision decision = CONVERGENCE.decide(rounds);
            if (!(decision instanceof Decision.Again)) {
                assertThat(decision.getClass()).isEqualTo(end.getClass());
                return rounds.size();
            }
        }
        throw new AssertionError("not decided after " + leftPages.length + " rounds");
    }

    /** Recorded: Redis, 600 MB, 10,000 SETs a second. */
    @Test
    void roundsThatBecomeShorterComeToAFreezeAsSoonAsItFits() {
        assertThat(rounds(new Decision.Freeze(), 34_591, 2_120, 191)).isEqualTo(2);
        assertThat(rounds(new Decision.Freeze(), 45_264, 7_734, 4_836, 1_186)).isEqualTo(4);
    }

    @Test
    void whoWritesNothingIsFrozenAfterTheFirst() {
        assertThat(rounds(new Decision.Freeze(), 0)).isEqualTo(1);
    }

    @Test
    void whoWritesAsFastAsWeCopyIsNot() {
        assertThat(rounds(new Decision.Never(""), 52_907, 65_242, 66_164)).isEqualTo(3);
    }

    @Test
    void anEndIsPutToRoundsThatHardlyBecomeShorter() {
        long[] leftPages = new long[20];
        for (int round = 0; round < leftPages.length; round++) {
            leftPages[round] = Math.round(1e9 * Math.pow(0.7, round));
        }
        assertThat(rounds(new Decision.Never(""), leftPages)).isEqualTo(12);
    }

    /** Not as long as staging has no room for what is left. */
    @Test
    void whatFitsThePauseHasToFitIntoStaging() {
        Round full = new Round(100, LONG_NANOS, 2_000_000, 2_000, 99);
        assertThat(CONVERGENCE.decide(List.of(full))).isInstanceOf(Decision.Again.class);
        Round room = new Round(100, LONG_NANOS, 2_000_000, 2_000, 100);
        assertThat(CONVERGENCE.decide(List.of(full, room))).isInstanceOf(Decision.Freeze.class);
    }

    /** A short round at a high rate: as much again may be written before the threads stand. */
    @Test
    void whatIsWrittenUntilTheThreadsStandBelongsToThePause() {
        Round slow = new Round(3_000, LONG_NANOS, 1_500_000, 2_000, MUCH);
        assertThat(slow.pauseNanos()).isEqualTo(9_000_000);
        Round fast = new Round(3_000, 6_000_000, 1_500_000, 2_000, MUCH);
        assertThat(fast.pauseNanos()).isEqualTo(12_000_000);
        Round instant = new Round(3_000, 0, 1_500_000, 2_000, MUCH);
        assertThat(instant.pauseNanos()).isEqualTo(15_000_000);
    }

    @Test
    void theReasonHasTheNumbers() {
        Decision decision = CONVERGENCE.decide(List.of(left(50_000), left(50_000), left(50_000)));
        assertThat(decision)
                .isEqualTo(
                        new Decision.Never(
                                "after 3 rounds a pause of 103 ms is predicted, more than 10 ms: 50000 pages are written again in the time that it takes to copy them"));
    }
}
