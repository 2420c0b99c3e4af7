package dev.stillframe.agent.demo;

import dev.stillframe.agent.demo.Demo.DemoException;
import dev.stillframe.agent.demo.Oracle.Verdict;
import dev.stillframe.agent.job.Destination;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.Reception;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.security.Credentials;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The demonstration where processes cannot be captured: writers in this very JVM, in an arena with
 * a write barrier, whose image goes to a receiver over loopback as a process's would. Needs no
 * privilege and no feature of the kernel. Owned by one thread.
 */
public final class ArenaDemo {
    private static final String NAME = "demo";
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int STEPS_PER_BATCH = 64;

    private final Parts parts;
    private final Pattern pattern;
    private final long stepsPerSecond;
    private final CountDownLatch round;
    private volatile boolean stopped;

    /**
     * What was seen. Immutable.
     *
     * @param report the snapshot
     * @param sizeBytes of the arena
     * @param steps of each writer that the image shows
     */
    public record Result(ArenaReport report, long sizeBytes, List<Long> steps) {
        /** Copies the list. */
        public Result {
            steps = List.copyOf(steps);
        }
    }

    /** As {@link Demo}; runs once. */
    public ArenaDemo(Parts parts, Pattern pattern, long stepsPerSecond) {
        this.parts = parts;
        this.pattern = pattern;
        this.stepsPerSecond = stepsPerSecond;
        this.round = new CountDownLatch(pattern.threads());
    }

    /**
     * Runs it; takes some seconds.
     *
     * @throws DemoException if the image is not one instant of the arena
     */
    public Result run(MeterRegistry registry)
            throws IOException, InterruptedException, DemoException {
        Path directory = Files.createTempDirectory("stillframe-demo");
        try {
            return run(registry, ImageStore.open(directory));
        } finally {
            Demo.delete(directory);
        }
    }

    private Result run(MeterRegistry registry, ImageStore store)
            throws IOException, InterruptedException, DemoException {
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (Reception reception =
                        parts.receptions()
                                .start(
                                        anyPort,
                                        new Reception.Shelf(store, false),
                                        Credentials.NONE,
                                        ReceiverEvents.NONE,
                                        registry);
                MemoryArena arena = MemoryArena.emulated("demo", pattern.sizeBytes())) {
            PatternWriter writer = new PatternWriter(pattern, arena::putLong);
            List<Thread> writers = start(writer);
            ArenaReport report;
            try {
                awaitRound();
                Destination receiver = new Destination.Remote(reception.address(), NAME);
                try (PageSink sink = parts.opener().open(receiver, registry)) {
                    report = arena.snapshot(sink);
                }
            } finally {
                stop(writers);
            }
            AddressRange all = new AddressRange(0, pattern.sizeBytes());
            Verdict verdict = Demo.judge(pattern, store.resolve(NAME), all);
            return new Result(report, pattern.sizeBytes(), verdict.steps());
        }
    }

    private List<Thread> start(PatternWriter writer) {
        List<Thread> writers = new ArrayList<>();
        for (int thread = 0; thread < pattern.threads(); thread++) {
            int slice = thread;
            writers.add(Role.DEMO.start(thread, () -> write(writer, slice)));
        }
        return writers;
    }

    private void write(PatternWriter writer, int slice) {
        long nanosPerBatch =
                stepsPerSecond == 0
                        ? 0
                        : STEPS_PER_BATCH * Duration.ofSeconds(1).toNanos() / stepsPerSecond;
        long due = System.nanoTime();
        boolean begun = false;
        while (!stopped) {
            for (int step = 0; step < STEPS_PER_BATCH; step++) {
                writer.step(slice);
            }
            if (!begun) {
                begun = true;
                round.countDown();
            }
            due = Math.max(due + nanosPerBatch, System.nanoTime());
            LockSupport.parkNanos(due - System.nanoTime());
        }
    }

    /** Until every writer has written. */
    private void awaitRound() throws InterruptedException, DemoException {
        if (!round.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new DemoException(round.getCount() + " writers are stuck");
        }
    }

    private void stop(List<Thread> writers) throws InterruptedException, DemoException {
        stopped = true;
        for (Thread each : writers) {
            if (!each.join(PATIENCE)) {
                throw new DemoException(each.getName() + " does not end");
            }
        }
    }
}
