package dev.stillframe.engine.arena;

import dev.stillframe.engine.staging.StagingBlock;
import java.time.Duration;

/**
 * Choices for a snapshot of an arena. Immutable.
 *
 * @param stagingBytes memory that holds pages until the sink has taken them, taken for the time of
 *     the snapshot; at least {@link #MIN_STAGING_BYTES}. With as much as the arena has, no writer
 *     ever waits for the sink
 * @param stallTimeout how long the sink may take nothing before the snapshot is given up; as long a
 *     writer may wait at most when staging is full
 * @param instantTimeout how long T0 may wait for writers and units that are under way
 */
public record ArenaOptions(long stagingBytes, Duration stallTimeout, Duration instantTimeout) {
    /** The least staging: a block for whoever copies, and some on their way. */
    public static final long MIN_STAGING_BYTES =
            2L * (PageCopies.STRIPES + 2) * StagingBlock.PAGES * StagingBlock.PAGE_BYTES;

    /** 64 MiB of staging, a minute for the sink, ten seconds for T0. */
    public static final ArenaOptions DEFAULT =
            new ArenaOptions(64L << 20, Duration.ofMinutes(1), Duration.ofSeconds(10));

    /** Checks the ranges. */
    public ArenaOptions {
        if (stagingBytes < MIN_STAGING_BYTES) {
            throw new IllegalArgumentException(
                    "staging of %d bytes; the least is %d"
                            .formatted(stagingBytes, MIN_STAGING_BYTES));
        }
        if (!stallTimeout.isPositive() || !instantTimeout.isPositive()) {
            throw new IllegalArgumentException(
                    "timeouts of %s and %s".formatted(stallTimeout, instantTimeout));
        }
    }
}
