package dev.stillframe.engine.capture;

import java.time.Duration;

/**
 * What a user can choose about a snapshot. Immutable.
 *
 * @param stagingBytes size of the staging pool, at least {@link #MIN_STAGING_BYTES}; writers of
 *     pages that are not yet captured wait when it is full, so the size of the target's memory is
 *     never too much
 * @param stopBudget how long the first thread of the target may stand before the last does; then
 *     all go on, it is tried again a few times, and then the snapshot is given up
 * @param pauseBudget how long the freeze may spend on copying hot pages; what is left is protected
 *     instead
 * @param stallTimeout how long the sink may take no page at all before the snapshot is given up
 * @param workers threads that answer faults and sweep, 1 to 16
 * @param trustsOwnDescriptors whether the target is known to write its shared memory by mappings
 *     only, whatever descriptors of it it has; otherwise shared memory that is open for writing and
 *     changes after T0 is listed as missing
 * @param instant where the instant lies
 * @param pauseTarget how long the pause may be for the instant to lie at the end
 * @param tuning how faults are answered
 */
public record SnapshotOptions(
        long stagingBytes,
        Duration stopBudget,
        Duration pauseBudget,
        Duration stallTimeout,
        int workers,
        boolean trustsOwnDescriptors,
        InstantChoice instant,
        Duration pauseTarget,
        Tuning tuning) {
    /** The smallest staging pool. */
    public static final long MIN_STAGING_BYTES = 8L << 20;

    /**
     * How faults are answered; the benchmarks compare settings, users keep the default.
     *
     * @param maxFaultAroundPages the most pages copied for one fault, a power of two
     * @param spin whether workers poll while a capture is hot, or sleep until a fault comes
     * @param preCopyHotPages whether the freeze copies pages that were written while arming
     */
    public record Tuning(int maxFaultAroundPages, boolean spin, boolean preCopyHotPages) {
        /** What users get. */
        public static final Tuning DEFAULT = new Tuning(128, true, true);
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
        if (!stopBudget.isPositive()
                || pauseBudget.isNegative()
                || !stallTimeout.isPositive()
                || !pauseTarget.isPositive()) {
            throw new IllegalArgumentException(
                    "stop budget "
                            + stopBudget
                            + ", pause budget "
                            + pauseBudget
                            + ", stall timeout "
                            + stallTimeout
                            + ", pause target "
                            + pauseTarget);
        }
    }

    /** Sensible values for a machine with {@code processors} processors. */
    public static SnapshotOptions defaults(int processors) {
        return new SnapshotOptions(
                1L << 30,
                Duration.ofMillis(100),
                Duration.ofMillis(3),
                Duration.ofSeconds(30),
                Math.clamp(processors, 1, 4),
                false,
                InstantChoice.AUTO,
                Duration.ofMillis(10),
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
                instant,
                pauseTarget,
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
                instant,
                pauseTarget,
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
                instant,
                pauseTarget,
                tuning);
    }

    /** The same with a target whose own descriptors are trusted. */
    public SnapshotOptions withTrustInOwnDescriptors() {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                stallTimeout,
                workers,
                true,
                instant,
                pauseTarget,
                tuning);
    }

    /** The same with the instant elsewhere. */
    public SnapshotOptions withInstant(InstantChoice other) {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                stallTimeout,
                workers,
                trustsOwnDescriptors,
                other,
                pauseTarget,
                tuning);
    }

    /** The same with another target for the pause. */
    public SnapshotOptions withPauseTarget(Duration other) {
        return new SnapshotOptions(
                stagingBytes,
                stopBudget,
                pauseBudget,
                stallTimeout,
                workers,
                trustsOwnDescriptors,
                instant,
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
                instant,
                pauseTarget,
                other);
    }
}
