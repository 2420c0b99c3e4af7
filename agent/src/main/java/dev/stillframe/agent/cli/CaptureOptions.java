package dev.stillframe.agent.cli;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.SnapshotOptions;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How the memory of a target is captured. */
final class CaptureOptions {
    @Option(
            names = "--staging",
            paramLabel = "SIZE",
            description = {
                "Memory that holds pages until they are written (default: as much as the process could"
                        + " fill, but not more than a quarter of what is free).",
                "With as much as the process has, a slow disk or network never slows it; with less,"
                        + " it may wait when the pool is full, of which the last part is kept for what"
                        + " it writes to."
            })
    private @Nullable ByteSize staging;

    @Option(
            names = "--stop-budget",
            paramLabel = "TIME",
            defaultValue = "100ms",
            description =
                    "How long the threads may take to stop (default: ${DEFAULT-VALUE}). When one takes"
                            + " longer, because it waits for a disk or a child, all go on and it is tried"
                            + " again a few times.")
    private Duration stopBudget = Duration.ZERO;

    @Option(
            names = "--pause-budget",
            paramLabel = "TIME",
            defaultValue = "3ms",
            description =
                    "How long the pause may be spent on copying pages that are written all the time"
                            + " (default: ${DEFAULT-VALUE}). More means a longer pause and fewer faults"
                            + " after it.")
    private Duration pauseBudget = Duration.ZERO;

    @Option(
            names = "--instant",
            paramLabel = "WHEN",
            defaultValue = "auto",
            description = {
                "Which instant the image is of: auto, end or start (default: ${DEFAULT-VALUE}).",
                "end: memory is copied in rounds while nobody waits for it, and then the process is"
                        + " paused for what it has written since the last one.",
                "start: the process is paused first, and waits for each page that it writes to before"
                        + " it is copied.",
                "auto: the end, if the pause fits --pause-target, and otherwise the start."
            })
    private InstantChoice instant = InstantChoice.AUTO;

    @Option(
            names = "--pause-target",
            paramLabel = "TIME",
            defaultValue = "10ms",
            description =
                    "How long the pause at the end of the rounds may be (default: ${DEFAULT-VALUE}).")
    private Duration pauseTarget = Duration.ZERO;

    @Option(
            names = "--max-cpu",
            paramLabel = "N",
            description =
                    "How many processors Stillframe may use on average while the rounds run, 0.5 for"
                            + " instance (default: no limit, but it gives way to everybody). In the"
                            + " pause there is none.")
    private @Nullable Double mostProcessors;

    @Option(
            names = "--trust-own-descriptors",
            description =
                    "The process writes its shared memory by its mappings only, though it has it open for"
                            + " writing, too. Otherwise such memory is listed as missing if it changes while"
                            + " it is copied, because write(2) and its like go past every protection.")
    private boolean trustsOwnDescriptors;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "30s",
            description =
                    "Give up when the disk takes nothing for this long, or count the connection to"
                            + " the receiver as lost (default: ${DEFAULT-VALUE}).")
    private Duration timeout = Duration.ZERO;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description =
                    "Threads that copy pages and answer faults, 1 to 16 (default: from the"
                            + " processors).")
    private @Nullable Integer workers;

    /**
     * What the engine is told.
     *
     * @param patience how long it waits for a sink that takes nothing
     * @throws IllegalArgumentException if they are out of range
     */
    SnapshotOptions options(Duration patience) {
        SnapshotOptions defaults =
                SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors());
        return new SnapshotOptions(
                stagingBytes(),
                stopBudget,
                pauseBudget,
                patience,
                workers == null ? defaults.workers() : workers,
                trustsOwnDescriptors,
                new SnapshotOptions.Rounds(
                        instant,
                        pauseTarget,
                        mostProcessors == null ? Double.POSITIVE_INFINITY : mostProcessors),
                defaults.tuning());
    }

    Duration timeout() {
        return timeout;
    }

    long stagingBytes() {
        return staging == null ? SnapshotOptions.STAGING_BY_MEMORY : staging.bytes();
    }

    InstantChoice instant() {
        return instant;
    }
}
