package dev.stillframe.agent.demo;

import dev.stillframe.agent.demo.Oracle.Verdict;
import dev.stillframe.agent.job.Destination;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.Reception;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.Verification;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.security.Credentials;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The demonstration: a busy writer, a receiver, and between them a snapshot over loopback whose
 * image is checked against the writer's own arithmetic. Owned by one thread; leaves no process and
 * no file behind.
 */
public final class Demo {
    private static final String NAME = "demo";

    /** How long the writer runs undisturbed before and after, for a rate to compare with. */
    private static final Duration UNDISTURBED = Duration.ofSeconds(1);

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** The writer is slowed while it does less than this part of what it did before. */
    private static final double SLOWED = 0.5;

    private final Parts parts;
    private final Pattern pattern;
    private final long stepsPerSecond;

    /**
     * What the demonstration found. Immutable.
     *
     * @param report the snapshot's own facts
     * @param memory the writer's pattern
     * @param steps the last step of each of the writer's threads in the image
     * @param slowedNanos how long the writer did less than half of what it did before
     * @param rateBefore pages a second that the writer wrote before
     * @param rateAfter pages a second that it wrote afterwards
     */
    public record Result(
            SnapshotReport report,
            AddressRange memory,
            List<Long> steps,
            long slowedNanos,
            double rateBefore,
            double rateAfter) {
        /** Copies the list. */
        public Result {
            steps = List.copyOf(steps);
        }
    }

    /** A demonstration that did not show what it should; the message says what was wrong. */
    public static final class DemoException extends Exception {
        private static final long serialVersionUID = 1;

        DemoException(String message) {
            super(message);
        }
    }

    /**
     * Prepares it.
     *
     * @param pattern what the writer writes
     * @param stepsPerSecond that each of its threads keeps to; 0 for as many as it can
     */
    public Demo(Parts parts, Pattern pattern, long stepsPerSecond) {
        this.parts = parts;
        this.pattern = pattern;
        this.stepsPerSecond = stepsPerSecond;
    }

    /**
     * Runs it; takes some seconds.
     *
     * @throws DemoException if the image is not right or the writer was harmed
     */
    public Result run(SnapshotTaker.Setting setting)
            throws IOException, InterruptedException, SnapshotException, DemoException {
        Path directory = Files.createTempDirectory("stillframe-demo");
        try {
            return run(setting, ImageStore.open(directory));
        } finally {
            delete(directory);
        }
    }

    private Result run(SnapshotTaker.Setting setting, ImageStore store)
            throws IOException, InterruptedException, SnapshotException, DemoException {
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (Reception reception =
                        parts.receptions()
                                .start(
                                        anyPort,
                                        new Reception.Shelf(store, false),
                                        Credentials.NONE,
                                        ReceiverEvents.NONE, // the sender hears the same, and fails
                                        setting.registry());
                WriterProcess writer = WriterProcess.start(pattern, stepsPerSecond)) {
            runUndisturbed(writer);
            long started = System.nanoTime();
            SnapshotReport report = take(setting, writer, reception.address());
            long ended = System.nanoTime();
            runUndisturbed(writer);
            Verdict verdict = judge(pattern, store.resolve(NAME), writer.memory());
            return measure(writer, report, verdict, new Moments(started, ended));
        }
    }

    private record Moments(long started, long ended) {}

    private static void runUndisturbed(WriterProcess writer)
            throws InterruptedException, DemoException {
        long until = System.nanoTime() + UNDISTURBED.toNanos();
        if (!writer.rates().await(until, until + PATIENCE.toNanos())) {
            throw new DemoException(
                    "the writer (process "
                            + writer.pid()
                            + ") "
                            + (writer.isAlive() ? "is stuck" : "has died"));
        }
    }

    private SnapshotReport take(
            SnapshotTaker.Setting setting, WriterProcess writer, SocketAddress receiver)
            throws IOException, InterruptedException, SnapshotException {
        Destination destination = new Destination.Remote(receiver, NAME);
        try (PageSink sink = parts.opener().open(destination, setting.registry())) {
            return parts.taker().take(writer.pid(), sink, setting);
        }
    }

    /** What the oracle says of the writer's memory in an image, if it is all there and unharmed. */
    static Verdict judge(Pattern pattern, Path image, AddressRange memory)
            throws IOException, DemoException {
        Verification verification = ImageVerifier.verify(image, ImageVerifier.Progress.NONE);
        if (!verification.intact()) {
            throw new DemoException(
                    "the received image is damaged: " + verification.damages().getFirst());
        }
        try (ImageReader reader = ImageReader.open(image)) {
            List<Missing> missing = reader.unavailable(memory);
            if (!missing.isEmpty()) {
                throw new DemoException(
                        "the image lacks "
                                + missing.getFirst().range()
                                + " of the writer's memory: "
                                + missing.getFirst().reason());
            }
            Verdict verdict =
                    Oracle.judge(
                            pattern,
                            (offset, into) -> {
                                long start = memory.start() + offset;
                                reader.read(new AddressRange(start, start + into.byteSize()), into);
                            });
            if (!verdict.isOneInstant()) {
                throw new DemoException(
                        "the image is not one instant of the writer's memory, in "
                                + verdict.deviationCount()
                                + " places: "
                                + verdict.deviations().getFirst());
            }
            return verdict;
        }
    }

    private static Result measure(
            WriterProcess writer, SnapshotReport report, Verdict verdict, Moments moments)
            throws DemoException {
        RateLog rates = writer.rates();
        double before =
                rates.medianRate(moments.started() - UNDISTURBED.toNanos(), moments.started());
        double after = rates.medianRate(moments.ended(), moments.ended() + UNDISTURBED.toNanos());
        if (after < before * SLOWED) {
            throw new DemoException(
                    "the writer wrote %.0f pages a second before and only %.0f afterwards"
                            .formatted(before, after));
        }
        long slowed = rates.nanosUnder(before * SLOWED, moments.started(), moments.ended());
        return new Result(report, writer.memory(), verdict.steps(), slowed, before, after);
    }

    /** Deletes what a demonstration wrote. */
    static void delete(Path directory) throws IOException {
        try (Stream<Path> paths = Files.walk(directory)) {
            paths.sorted(Comparator.reverseOrder()).forEach(Demo::deleteOne);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static void deleteOne(Path path) {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
