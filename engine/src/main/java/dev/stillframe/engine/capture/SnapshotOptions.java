package dev.stillframe.engine.capture;

import java.time.Duration;

/**
 * What a user can choose about a snapshot. Immutable.
 *
 * @param stagingBytes size of the staging pool, at least {@link #MIN_STAGING_BYTES}, or {@link
 *     #STAGING_BY_MEMORY}; writers of pages that are not yet captured wait when it is full, so the
 *     size of the target's memory is never too much
 * @param stopBudget how long the first thread of the target may stand before the last does; then
 *     all go on, it is tried again a few times, and then the snapshot is given up
 * @param pauseBudget how long the freeze may spend on copying hot pages; what is left is protected
 *     instead
 * @param stallTimeout how long the sink may take no page at all before the snapshot is given up
 * @param workers threads that answer faults and sweep, 1 to 16
 * @param trustsOwnDescriptors whether the target is known to write its shared memory by mappings
 *     only, whatever descriptors of it it has; otherwise shared memory that is open for writing and
 *     changes after T0 is listed as missing
 * @param rounds whether memory is copied in rounds before the instant
 * @param tuning how faults are answered
 */
public record SnapshotOptions(
        long stagingBytes,
        Duration stopBudget,
        Duration pauseBudget,
        Duration stallTimeout,
        int workers,
        boolean trustsOwnDescriptors,
        Rounds rounds,
        Tuning tuning) {
    /**
     * As much staging as the target could fill, but not more than a quarter of the memory that is
     * free.
     */
    public static final long STAGING_BY_MEMORY = Long.MAX_VALUE;

    /** The smallest staging pool. */
    public static final long MIN_STAGING_BYTES = 8L << 20;

    /**
     * How memory is copied in rounds.
     *
     * @param instant whether there are any, and what comes of them
     * @param pauseTarget how long the pause may be for the instant to lie at their end
     * @param mostProcessors how many processors this process may use on average while they run, a
     *     part of one for instance; a positive number
     */
    public record Rounds(InstantChoice instant, Duration pauseTarget, double mostProcessors) {
        /** What users get. */
        public static final Rounds DEFAULT =
                new Rounds(InstantChoice.AUTO, Duration.ofMillis(10), Double.POSITIVE_INFINITY);

        /** Checks the ranges. */
        public Rounds {
            if (!pauseTarget.isPositive() || !(mostProcessors > 0)) {
                throw new IllegalArgumentException(
                        "pause target " + pauseTarget + ", " + mostProcessors + " processors");
            }
        }
    }

    /**
     * How faults are answered; the benchmarks compare settings, users keep the default.
     *
     * @param maxFaultAroundPages the most pages copied for one fault, a power of two
     * @param spin whether workers poll while a capture is hot, or sleep until a fault comes
     * @param preCopyHotPages whether the freeze copies pages that were written while arming
     */
    public record Tuning(int maxFaultAroundPages, boolean spin, boolean preCopyHotPages) {
        /** What users get. */
        public static final Tuning DEFAULT = new Tuning(32, true, true);
    }

    /** Checks the ranges. */
    public SnapshotOptions {
        if (stagingBytes < MIN_STAGING_BYTES) {
            throw new IllegalArgumentException(
                    "staging of " + stagingBytes + " bytes; the least is " + MIN_STAGING_BYTES);
        }
        if (workers < 1 || workers > 16) {
            throw new IllegalArgumentException(workers + " workers; 1 to 16 are possible");
        }
        if (!stopBudget.isPositive() || pauseBudget.isNegative() || !stallTimeout.isPositive()) {
            throw new IllegalArgumentException(
                    "stop budget "
                            + stopBudget
                            + ", pause budget "
                            + pauseBudget
                            + ", stall timeout "
                            + stallTimeout);
        }
    }

    /** Sensible values for a machine with {@code processors} processors. */
    public static SnapshotOptions defaults(int processors) {
        return new SnapshotOptions(
                STAGING_BY_MEMORY,
                Duration.ofMillis(100),
                Duration.ofMillis(3),
                Duration.ofSeconds(30),
                Math.clamp(processors, 1, 4),
                false,
                Rounds.DEFAULT,
                Tuning.DEFAULT);
    }

    /** The same with another size of the staging pool. */
    public SnapshotOptions withStagingBytes(long other) {
        return new SnapshotOptions(
                other,
                stopBudget,
                pauseBudget,
                stallTimeout,
                workers,
                trustsOwnDescriptors,
                rounds,
                tuning);
    }

    /** The same with another patience for the sink. */
    public SnapshotOptions withStallTimeout(Duration other) {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                other,
                workers,
                trustsOwnDescriptors,
                rounds,
                tuning);
    }

    /** The same with another number of workers. */
    public SnapshotOptions withWorkers(int other) {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                stallTimeout,
                other,
                trustsOwnDescriptors,
                rounds,
                tuning);
    }

    /** The same with a target whose own descriptors are trusted. */
    public SnapshotOptions withTrustInOwnDescriptors() {
        return new SnapshotOptions(
                stagingBytes, stopBudget, pauseBudget, stallTimeout, workers, true, rounds, tuning);
    }

    /** The same with the instant elsewhere. */
    public SnapshotOptions withInstant(InstantChoice other) {
        return with(new Rounds(other, rounds.pauseTarget(), rounds.mostProcessors()));
    }

    /** The same with another target for the pause. */
    public SnapshotOptions withPauseTarget(Duration other) {
        return with(new Rounds(rounds.instant(), other, rounds.mostProcessors()));
    }

    /** The same with other rounds. */
    public SnapshotOptions with(Rounds other) {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                stallTimeout,
                workers,
                trustsOwnDescriptors,
                other,
                tuning);
    }

    /** The same with another way to answer faults. */
    public SnapshotOptions withTuning(Tuning other) {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                stallTimeout,
                workers,
                trustsOwnDescriptors,
                rounds,
                other);
    }
}
