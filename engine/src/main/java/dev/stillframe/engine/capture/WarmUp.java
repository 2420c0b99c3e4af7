package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Scheduling;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Snapshots of a small process of our own, thrown away, before the first real one: the first use of
 * a class or a method handle costs milliseconds, and the first hundred of a loop as much again.
 * None of that belongs into a target's pause.
 */
final class WarmUp {
    private static final Logger LOG = LoggerFactory.getLogger(WarmUp.class);
    private static final int ROUNDS = 12;

    /** On a busy machine, where it gives way, fewer rounds must do. */
    private static final Duration ENOUGH = Duration.ofSeconds(3);

    private static final int NICE = 10;

    /**
     * It writes all the time, so that there are faults and hot pages; a shell between, because our
     * children are refused.
     */
    private static final String BUSY_CHILD =
            "nice -n 19 sh -c 'echo $$; while :; do a=$a.; [ ${#a} -lt 50000 ] || a=; done' </dev/null & read end; kill -9 $!";

    /** Nobody waits longer for it: a round that hangs must not keep real snapshots. */
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock();
    private static final AtomicBoolean DONE = new AtomicBoolean();

    private WarmUp() {}

    /**
     * Does it the first time that it is called in this JVM; who calls meanwhile waits for it. Takes
     * some tenths of a second.
     */
    static void once(SnapshotOptions options) throws InterruptedException {
        if (!ONE_AT_A_TIME.tryLock(LIMIT.toNanos(), TimeUnit.NANOSECONDS)) {
            return; // as whoever is at it will in a moment
        }
        try {
            if (DONE.compareAndSet(false, true)
                    // Threads inherit niceness: all of it gives way to the target, which is to
                    // notice nothing yet.
                    && !Role.WARM_UP.start(() -> runQuietly(options)).join(LIMIT)) {
                LOG.warn(
                        "the dry run has not ended within {} s; the first snapshot's pause will be longer",
                        LIMIT.toSeconds());
            }
        } finally {
            ONE_AT_A_TIME.unlock();
        }
    }

    private static void runQuietly(SnapshotOptions options) {
        try {
            Scheduling.nice(NICE);
            run(options);
        } catch (IOException | SnapshotException | InterruptedException e) {
            LOG.warn(
                    "no dry run before the first snapshot, whose pause will be longer: {}",
                    e.getMessage());
        }
    }

    private static void run(SnapshotOptions options)
            throws IOException, SnapshotException, InterruptedException {
        SnapshotOptions small =
                options.withInstant(InstantChoice.START)
                        .withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES)
                        .withStallTimeout(Duration.ofSeconds(10));
        Process shell = new ProcessBuilder("/bin/sh", "-c", BUSY_CHILD).start();
        try (BufferedReader output = shell.inputReader(StandardCharsets.US_ASCII)) {
            int pid = Integer.parseInt(String.valueOf(output.readLine()));
            MeterRegistry registry = new SimpleMeterRegistry(); // a clock that nobody moves
            Snapshot snapshot = new Snapshot(small, registry, Progress.NONE);
            Deadline enough = Deadline.in(registry.config().clock(), ENOUGH);
            for (int round = 0; round < ROUNDS && !enough.hasPassed(); round++) {
                snapshot.takeCold(pid, new DiscardingSink());
            }
        } catch (NumberFormatException e) {
            throw new IOException("the child of the dry run did not start", e);
        } finally {
            shell.outputWriter().close(); // its `read` ends, and it ends the child
            shell.waitFor();
        }
    }
}
