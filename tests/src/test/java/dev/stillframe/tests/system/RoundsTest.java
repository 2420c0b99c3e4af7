package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.ProcessMemory;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.target.HugePages;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images whose instant is at the end of rounds, whatever the memory and however it is written. */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class RoundsTest {
    private static final long SIZE_BYTES = 16L << 20;
    private static final int ATTEMPTS = 20;

    /** What it takes to copy the region. */
    private static final long COPY_NANOS = 5_000_000;

    private final RandomGenerator random = Seed.random("RoundsTest");

    /** A target that never converges has to fit into staging as a whole. */
    private static SnapshotOptions atTheEnd() {
        return Snapshots.options()
                .withInstant(InstantChoice.END)
                .withStagingBytes(2 * SIZE_BYTES)
                .withPauseTarget(Duration.ofMillis(5));
    }

    /** In a campaign 520 images, half of them on the disk. */
    @ParameterizedTest
    @CsvSource({
        "anon,1,0",
        "anon,2,0",
        "anon,2,2000",
        "anon,4,50000",
        "thp,1,0",
        "thp,4,20000",
        "memfd,1,0",
        "memfd,4,20000",
        "file,1,0",
        "file,2,5000",
        "pagedout,2,2000",
        "hugetlb,1,0",
        "hugetlb,2,20000"
    })
    void everyImageIsOneInstant(String memory, int threads, int rate) throws Exception {
        Settings settings = Settings.of(memory, SIZE_BYTES, threads);
        try (HugePages _ = HugePages.reserve(memory.equals("hugetlb") ? SIZE_BYTES : 0);
                OracleTarget target =
                        OracleTarget.start(
                                rate == 0 ? settings : settings.withRate(rate), Seed.value())) {
            for (int turn = 0; turn < Campaign.turns(2, 26); turn++) {
                checkInMemory(target, atTheEnd(), true);
                checkOnDisk(target, atTheEnd());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"anon,2", "memfd,2", "file,2", "thp,1"})
    void pagesThatAppearDuringTheRoundsAreOfOneInstant(String memory, int threads)
            throws Exception {
        Settings settings = Settings.of(memory, SIZE_BYTES, threads).withRate(10_000).withHoles();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            for (int turn = 0; turn < Campaign.turns(2, 20); turn++) {
                checkInMemory(target, atTheEnd(), true);
            }
        }
    }

    /** After a fork, parent and child have the same pages until one of them writes. */
    @ParameterizedTest
    @CsvSource({"anon,2", "thp,2"})
    void whatAForkingTargetWritesIsOfOneInstant(String memory, int threads) throws Exception {
        Settings settings =
                Settings.of(memory, SIZE_BYTES, threads).withRate(10_000).withChildren();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            for (int turn = 0; turn < Campaign.turns(2, 25); turn++) {
                checkInMemory(target, atTheEnd(), true);
            }
        }
    }

    /** Who writes faster than we copy is captured at the start, on the sink that was begun. */
    @ParameterizedTest
    @CsvSource({"anon,2", "memfd,2"})
    void whatDoesNotConvergeIsTakenAtTheStart(String memory, int threads) throws Exception {
        SnapshotOptions auto =
                Snapshots.options()
                        .withInstant(InstantChoice.AUTO)
                        .withPauseTarget(Duration.ofNanos(1));
        try (OracleTarget target =
                OracleTarget.start(Settings.of(memory, SIZE_BYTES, threads), Seed.value())) {
            for (int turn = 0; turn < Campaign.turns(1, 10); turn++) {
                SnapshotReport report = checkInMemory(target, auto, false);
                assertThat(report.course().rounds()).isPositive();
                assertThat(report.course().reason()).contains("a pause of");
                checkOnDisk(target, auto);
            }
        }
    }

    /** As programs of ordinary users: they may make no full userfaultfd. */
    @Test
    void aTargetWithoutRightsOfItsOwnIsCapturedAtTheEnd() throws Exception {
        assumeTrue(
                Files.readString(Path.of("/proc/sys/vm/unprivileged_userfaultfd")).startsWith("0"),
                "this machine allows every process a full userfaultfd");
        Settings settings =
                Settings.of("anon", SIZE_BYTES, 2).withRate(10_000).withoutRightsOfItsOwn();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            checkInMemory(target, atTheEnd(), true);
            assertThatThrownBy(() -> Snapshots.take(target.pid(), new DiscardingSink()))
                    .hasMessageContaining("EPERM")
                    .hasMessageContaining("take the instant at the end");
            assertThat(target.process().isAlive()).isTrue();
            // It cannot be made to wait: what does not converge is paused for, however long.
            SnapshotOptions auto =
                    atTheEnd().withInstant(InstantChoice.AUTO).withPauseTarget(Duration.ofNanos(1));
            SnapshotReport report = checkInMemory(target, auto, true);
            assertThat(report.course().converged()).isFalse();
        }
    }

    /** It was predicted that there would be little, and then there is much. */
    @Test
    void whoHasWrittenMoreThanAPauseIsForGoesOnOnceMore() throws Exception {
        Path file = NativeProgram.scratch().resolve("mapped-" + random.nextLong(Long.MAX_VALUE));
        MemoryImage image = new MemoryImage();
        try (TargetProcess target =
                TargetProcess.startNative("watched", List.of(file.toString()))) {
            Map<String, Long> facts = target.awaitReady();
            AtomicInteger stops = new AtomicInteger();
            Probe writing =
                    point -> {
                        if (point.equals("rounds: stop") && stops.incrementAndGet() == 1) {
                            writeMuch(target);
                        }
                    };
            SnapshotReport report =
                    new Snapshot(
                                    Snapshots.options().withInstant(InstantChoice.AUTO),
                                    new SimpleMeterRegistry(),
                                    Progress.NONE,
                                    new Snapshot.Seams(writing, Snapshot.Seams.NONE.reader()))
                            .take(target.pid(), image);
            assertThat(stops).hasValue(2);
            assertThat(report.course().atEnd()).isTrue();
            assertThat(report.missing()).isEmpty();
            long start = facts.getOrDefault("anonymous", 0L);
            int bytes = Math.toIntExact(facts.getOrDefault("bytes", 0L));
            try (ProcessMemory memory = ProcessMemory.of(target.pid())) {
                assertThat(
                                image.read(new AddressRange(start, start + bytes))
                                        .mismatch(MemorySegment.ofArray(memory.read(start, bytes))))
                        .isEqualTo(-1);
            }
        } finally {
            image.free();
            Files.deleteIfExists(file);
        }
    }

    private static void writeMuch(TargetProcess target) {
        try {
            target.writeLine("much");
            target.awaitLine("done");
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void marksThatComeAfterTheCopyLoseWrites() throws Exception {
        assertThat(firstDeviation(LateMarks::new)).isPresent();
    }

    /** What was written between the last copy and the marking is never told. */
    private record LateMarks(WriteMarks real) implements WriteMarks {
        @Override
        public void enable() throws IOException {
            real.enable();
        }

        @Override
        public void register(AddressRange range) throws IOException {
            real.register(range);
        }

        @Override
        public long unregister(long start, long bytes) {
            return real.unregister(start, bytes);
        }

        @Override
        public void take(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
                throws IOException {
            AtomicBoolean found = new AtomicBoolean();
            real.take(
                    start,
                    end,
                    query,
                    (from, to, categories) -> {
                        found.set(true);
                        visitor.visit(from, to, categories);
                    });
            LockSupport.parkNanos(found.get() ? COPY_NANOS : 0);
            real.take(start, end, query, (_, _, _) -> {});
        }

        @Override
        public void close() {
            real.close();
        }
    }

    private Optional<String> firstDeviation(UnaryOperator<WriteMarks> marks) throws Exception {
        Snapshot.Seams seams =
                new Snapshot.Seams(
                        Probe.NONE, Snapshot.Seams.NONE.reader(), UnaryOperator.identity(), marks);
        try (OracleTarget target =
                OracleTarget.start(
                        Settings.of("anon", SIZE_BYTES, 2).withRate(20_000), Seed.value())) {
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                MemoryImage image = new MemoryImage();
                try {
                    new Snapshot(atTheEnd(), new SimpleMeterRegistry(), Progress.NONE, seams)
                            .take(target.pid(), image);
                    Optional<String> deviation =
                            OracleCheck.deviation(target.shape(), image.read(target.region()));
                    if (deviation.isPresent()) {
                        System.out.println("found: " + deviation.get());
                        return deviation;
                    }
                } finally {
                    image.free();
                }
            }
        }
        return Optional.empty();
    }

    private static SnapshotReport checkInMemory(
            OracleTarget target, SnapshotOptions options, boolean atEnd) throws Exception {
        MemoryImage image = new MemoryImage();
        try {
            List<Long> before = target.published();
            SnapshotReport report = Snapshots.take(target.pid(), image, options, Progress.NONE);
            SnapshotOracleTest.check(target, before, image.read(target.region()), report);
            assertThat(report.course().atEnd()).isEqualTo(atEnd);
            return report;
        } finally {
            image.free();
        }
    }

    private void checkOnDisk(OracleTarget target, SnapshotOptions options) throws Exception {
        Path path =
                NativeProgram.scratch()
                        .resolve("rounds-" + target.pid() + "-" + random.nextLong(Long.MAX_VALUE));
        try {
            List<Long> before = target.published();
            SnapshotReport report;
            try (ImageWriter writer = ImageWriter.create(path)) {
                report = Snapshots.take(target.pid(), writer, options, Progress.NONE);
            }
            OracleImage.check(target, before, path, report);
        } finally {
            DirectoryTree.delete(path);
        }
    }
}
