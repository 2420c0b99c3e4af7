package dev.stillframe.tests.emulated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mapped;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.Target;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.emulated.EmulatedOracle.Kind;
import dev.stillframe.tests.image.FailingSink;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.BlindView;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.oracle.OracleShape;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.system.Snapshots;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The whole engine on the emulated MMU: what holds of processes holds here, under every rule of
 * copy-on-write that keeps the promise, and the oracle sees the one that does not.
 */
@Timeout(300)
class EmulatedSnapshotTest {
    private static final long SIZE_BYTES = 4L << 20;
    private static final int ATTEMPTS = 20;

    @ParameterizedTest
    @CsvSource({
        "ANONYMOUS,1,START",
        "ANONYMOUS,4,START",
        "HUGE,2,START",
        "SHARED,1,START",
        "SHARED,4,START",
        "ANONYMOUS,1,END",
        "ANONYMOUS,4,END",
        "HUGE,2,END",
        "SHARED,1,END",
        "SHARED,4,END",
    })
    void everyImageIsOneInstant(Kind kind, int threads, InstantChoice instant) throws Exception {
        SnapshotOptions options = Snapshots.options().withInstant(instant);
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, kind, threads)) {
            for (int turn = 0; turn < Campaign.turns(3, 30); turn++) {
                assertThat(deviation(oracle, options, Snapshot.Seams.NONE)).isEmpty();
                oracle.awaitProgress();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = CowPolicy.class,
            names = {"PRE", "V3", "PAGECOUNT", "MODERN"})
    void rulesThatKeepTheProtectionAreOneInstantAfterForksAndDirectWritesToo(CowPolicy policy)
            throws Exception {
        try (EmulatedOracle oracle = start(policy, Kind.ANONYMOUS, 2);
                Repeating _ = saver(oracle)) {
            for (int turn = 0; turn < Campaign.turns(2, 20); turn++) {
                EmulatedProcess child = fork(oracle);
                assertThat(deviation(oracle, Snapshots.options(), Snapshot.Seams.NONE)).isEmpty();
                child.exit();
            }
        }
    }

    /**
     * The target saves its own pages with O_DIRECT: that makes them writable, and later writes are
     * never told.
     */
    @Test
    void theRuleThatForgetsTheProtectionLosesWrites() throws Exception {
        try (EmulatedOracle oracle = start(CowPolicy.V2, Kind.ANONYMOUS, 2);
                Repeating _ = saver(oracle)) {
            assertThat(firstDeviation(oracle, Snapshot.Seams.NONE)).isPresent();
        }
    }

    /** The engine's own read is told as a write, to the engine. */
    @Test
    void theRuleThatTurnsReadsIntoWritesMakesTheHandlerWaitForItself() throws Exception {
        try (EmulatedOracle oracle = start(CowPolicy.FORCED_WRITE, Kind.ANONYMOUS, 1)) {
            assertThatThrownBy(() -> deviation(oracle, Snapshots.options(), Snapshot.Seams.NONE))
                    .hasMessageContaining("the handler waits for itself");
            oracle.awaitProgress(); // the snapshot gave up, and let it go
        }
    }

    @Test
    void unprotectingBeforeTheCopyTearsTheImage() throws Exception {
        Snapshot.Seams unprotectFirst =
                new Snapshot.Seams(
                        Probe.NONE,
                        (reader, tracker) ->
                                (address, length, into) -> {
                                    tracker.unprotect(address, length);
                                    return reader.read(address, length, into);
                                },
                        BlindView::new);
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 2)) {
            assertThat(firstDeviation(oracle, unprotectFirst)).isPresent();
        }
    }

    @Test
    void theSmallestStagingIsEnough() throws Exception {
        OracleShape shape = new OracleShape(16L << 20, 2, Seed.value());
        try (EmulatedOracle oracle =
                EmulatedOracle.start(CowPolicy.MODERN, shape, Kind.ANONYMOUS)) {
            SnapshotOptions small =
                    Snapshots.options().withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES);
            assertThat(deviation(oracle, small, Snapshot.Seams.NONE)).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,false,false", "1,true,true", "64,true,false", "512,false,true"})
    void everyTuningIsCorrect(int pages, boolean spin, boolean preCopy) throws Exception {
        SnapshotOptions tuned =
                Snapshots.options()
                        .withWorkers(2)
                        .withTuning(new SnapshotOptions.Tuning(pages, spin, preCopy));
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 2)) {
            assertThat(deviation(oracle, tuned, Snapshot.Seams.NONE)).isEmpty();
        }
    }

    /** Memory that is discarded and moved meanwhile is either of T0 or listed. */
    @Test
    void discardsAndMovesAreFollowed() throws Exception {
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 1);
                Churn churn = Churn.start(oracle.threads(), oracle.region())) {
            for (int turn = 0; turn < Campaign.turns(5, 50); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    take(oracle, image, Snapshots.options(), Snapshot.Seams.NONE);
                    churn.check(image);
                    assertThat(OracleCheck.deviation(oracle.shape(), image.read(oracle.region())))
                            .isEmpty();
                } finally {
                    image.free();
                }
            }
        }
    }

    /** What the report says was not measured by anything but the registry's clock. */
    @Test
    void timeIsTheRegistrysClock() throws Exception {
        MockClock clock = new MockClock();
        Duration arming = Duration.ofSeconds(11);
        Duration pause = Duration.ofMillis(7);
        Duration ending = Duration.ofHours(2);
        Map<String, Duration> passing =
                Map.of("attach: enable", arming, "freeze: thaw", pause, "release: done", ending);
        Probe moving = point -> clock.add(passing.getOrDefault(point, Duration.ZERO));
        MeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);
        long instantMillis = clock.wallTime() + arming.toMillis();
        MemoryImage image = new MemoryImage();
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 2)) {
            SnapshotReport report =
                    new Snapshot(
                                    Snapshots.options(),
                                    registry,
                                    Progress.NONE,
                                    new Snapshot.Seams(moving, Snapshot.Seams.NONE.reader()))
                            .take(oracle.target(), image);
            assertThat(report.times())
                    .isEqualTo(
                            new SnapshotReport.Times(
                                    pause.toNanos(),
                                    arming.toNanos(),
                                    pause.toNanos(),
                                    arming.plus(pause).plus(ending).toNanos()));
            assertThat(image.layout().instantEpochNanos())
                    .isEqualTo(Duration.ofMillis(instantMillis).toNanos());
        } finally {
            image.free();
        }
    }

    @Test
    void aSinkThatFailsLetsTheWritersGo() throws Exception {
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 2)) {
            assertThatThrownBy(
                            () ->
                                    new Snapshot(
                                                    Snapshots.options(),
                                                    new SimpleMeterRegistry(),
                                                    Progress.NONE)
                                            .take(
                                                    oracle.target(),
                                                    new FailingSink(FailingSink.Failure.THROW, 1)))
                    .isInstanceOf(SnapshotException.class);
            oracle.awaitProgress();
            assertThat(oracle.threads().process().mappings()).noneMatch(Mapped::isTracked);
        }
    }

    /** What was copied in an earlier round is not what is there at the end. */
    @Test
    void whatCannotBeReadAnyMoreIsMissingAndNotOld() throws Exception {
        MemoryImage image = new MemoryImage();
        AtomicBoolean stands = new AtomicBoolean();
        SnapshotOptions options = Snapshots.options().withInstant(InstantChoice.END);
        try (EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 2)) {
            Probe stop =
                    point -> {
                        if (point.equals("rounds: stop")) {
                            awaitWrites(oracle);
                            stands.set(true);
                        }
                    };
            Snapshot.Seams seams = new Snapshot.Seams(stop, Snapshot.Seams.NONE.reader());
            SnapshotReport report =
                    new Snapshot(options, new SimpleMeterRegistry(), Progress.NONE, seams)
                            .take(unreadable(oracle.target(), stands::get), image);
            assertThat(report.missing()).isNotEmpty();
        } finally {
            image.free();
        }
    }

    private static void awaitWrites(EmulatedOracle oracle) {
        try {
            oracle.awaitProgress();
        } catch (Exception e) {
            throw new IllegalStateException("the writers stand", e);
        }
    }

    /** {@code target}, whose memory cannot be read while {@code when} says so. */
    private static Target unreadable(Target target, BooleanSupplier when) {
        InvocationHandler reading =
                (_, method, arguments) -> {
                    boolean reads =
                            method.getName().equals("gather")
                                    || (method.getName().equals("read")
                                            && method.getReturnType() == long.class);
                    if (reads && when.getAsBoolean()) {
                        return (long) -Errno.EFAULT.number();
                    }
                    try {
                        return method.invoke(target, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                };
        return (Target)
                Proxy.newProxyInstance(
                        Target.class.getClassLoader(), new Class<?>[] {Target.class}, reading);
    }

    @Test
    void aTargetThatEndsInTheMiddlePublishesNothing() throws Exception {
        EmulatedOracle oracle = start(CowPolicy.MODERN, Kind.ANONYMOUS, 1);
        MemoryImage image = new MemoryImage();
        Probe killer =
                point -> {
                    if (point.equals("sweep: copied")) {
                        oracle.threads().process().exit();
                    }
                };
        try {
            assertThatThrownBy(
                            () ->
                                    take(
                                            oracle,
                                            image,
                                            Snapshots.options(),
                                            new Snapshot.Seams(
                                                    killer, Snapshot.Seams.NONE.reader())))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("ended");
            assertThat(image.isPublished()).isFalse();
        } finally {
            image.free();
        }
        assertThatThrownBy(oracle::close)
                .rootCause()
                .hasMessageMatching("a writer was signalled|thread \\d+ is dead");
    }

    private static EmulatedOracle start(CowPolicy policy, Kind kind, int threads) throws Exception {
        return EmulatedOracle.start(
                policy, new OracleShape(SIZE_BYTES, threads, Seed.value()), kind);
    }

    /** A thread of the target that writes its pages to storage, over and over. */
    private static Repeating saver(EmulatedOracle oracle) {
        EmulatedThreads.Running running = oracle.threads().newThread();
        RandomGenerator random = Seed.random("saver");
        byte[] storage = new byte[Mmu.PAGE_BYTES];
        return new Repeating(
                "emulated-saver",
                () -> {
                    long page =
                            oracle.region().start()
                                    + random.nextLong(SIZE_BYTES / Mmu.PAGE_BYTES) * Mmu.PAGE_BYTES;
                    running.run(task -> task.transfers().directWrite(page, storage));
                });
    }

    private static EmulatedProcess fork(EmulatedOracle oracle) throws Exception {
        Outcome forked = oracle.threads().newThread().run(task -> task.memory().fork());
        if (forked instanceof Outcome.Done(long child)) {
            return oracle.mmu().process(child);
        }
        throw new AssertionError("fork: " + forked);
    }

    private static Optional<String> firstDeviation(EmulatedOracle oracle, Snapshot.Seams seams)
            throws Exception {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<String> deviation = deviation(oracle, Snapshots.options(), seams);
            if (deviation.isPresent()) {
                System.out.println("found: " + deviation.get());
                return deviation;
            }
        }
        return Optional.empty();
    }

    private static Optional<String> deviation(
            EmulatedOracle oracle, SnapshotOptions options, Snapshot.Seams seams) throws Exception {
        MemoryImage image = new MemoryImage();
        try {
            SnapshotReport report = take(oracle, image, options, seams);
            assertThat(report.missing()).isEmpty();
            return OracleCheck.deviation(oracle.shape(), image.read(oracle.region()));
        } finally {
            image.free();
        }
    }

    private static SnapshotReport take(
            EmulatedOracle oracle, MemoryImage image, SnapshotOptions options, Snapshot.Seams seams)
            throws Exception {
        return new Snapshot(options, new SimpleMeterRegistry(), Progress.NONE, seams)
                .take(oracle.target(), image);
    }
}
