package dev.stillframe.engine.capture;

import java.time.Duration;
import java.util.List;

/**
 * Whether the rounds come to an end: what a freeze now would take, and whether another round would
 * make it less. Pure.
 *
 * @param target how long the freeze may take
 * @param mostRounds after so many another one is not tried
 */
record Convergence(Duration target, int mostRounds) {
    /** Stopping and starting the threads of a small process. */
    private static final long STOP_NANOS = 1_500_000;

    /** Of a round that leaves more than this part of what the one before left, little is hoped. */
    private static final double SLOW = 0.75;

    /**
     * What is known after a round.
     *
     * @param leftPages written since they were copied
     * @param sinceNanos how long it took to write them
     * @param lookNanos what it took to find that out, mappings included: the freeze does the same
     * @param nanosPerPage to copy single pages
     * @param roomPages for which there is staging now
     */
    record Round(
            long leftPages, long sinceNanos, long lookNanos, double nanosPerPage, long roomPages) {
        long pauseNanos() {
            return STOP_NANOS + lookNanos + (long) (pausePages() * nanosPerPage);
        }

        /** The same with another number of pages, which were found while the threads stood. */
        Round found(long pages) {
            return new Round(pages, Long.MAX_VALUE, lookNanos, nanosPerPage, roomPages);
        }

        /** With those that will be written until the threads stand; not more than as many again. */
        long pausePages() {
            long untilThen = STOP_NANOS + lookNanos;
            return leftPages + leftPages * untilThen / Math.max(sinceNanos, untilThen);
        }
    }

    /** What to do next. */
    sealed interface Decision {
        /** Freeze: it fits. */
        record Freeze() implements Decision {}

        /** Another round. */
        record Again() implements Decision {}

        /** It will not fit, and why. */
        record Never(String reason) implements Decision {}
    }

    /**
     * Whether the threads have to go on again: what they have written until they stood takes much
     * longer to copy than was predicted, or there is no staging for it.
     */
    boolean isTooMuch(Round found) {
        return found.pauseNanos() > 2 * target.toNanos() || found.leftPages() > found.roomPages();
    }

    /** After at least one round, the last one last. */
    Decision decide(List<Round> rounds) {
        Round last = rounds.getLast();
        boolean fits =
                last.pauseNanos() <= target.toNanos() && last.pausePages() <= last.roomPages();
        if (fits) { // a shorter pause is not worth what another round costs the target in faults
            return new Decision.Freeze();
        }
        if (rounds.size() < mostRounds && (rounds.size() < 3 || isShrinking(rounds))) {
            return new Decision.Again();
        }
        return new Decision.Never(reason(rounds));
    }

    /** Whether the last round left clearly less than the one before. */
    private static boolean isShrinking(List<Round> rounds) {
        long before = rounds.get(rounds.size() - 2).leftPages();
        return rounds.getLast().leftPages() < before * SLOW;
    }

    private String reason(List<Round> rounds) {
        Round last = rounds.getLast();
        return "after %d rounds a pause of %d ms is predicted, more than %d ms: %d pages are written again in the time that it takes to copy them"
                .formatted(
                        rounds.size(),
                        last.pauseNanos() / 1_000_000,
                        target.toMillis(),
                        last.leftPages());
    }
}
