package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.capture.WatchedProcess;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.linux.ProcessMemory;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.FailingSink;
import dev.stillframe.tests.target.HugePages;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Chains of images of a process that is watched: each reads what was written since the last. */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class WatchedProcessTest {
    private static final long SIZE_BYTES = 16L << 20;
    private static final int PAGE = 4096;
    private static final List<String> ACTS =
            List.of(
                    "write", "zero", "replace", "move", "discard", "fork", "protect", "split",
                    "join", "system");

    private final RandomGenerator random = Seed.random("WatchedProcessTest");
    private final List<Path> chain = new ArrayList<>();
    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "watched");
    }

    @AfterEach
    void removeDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    private static SnapshotOptions options(InstantChoice instant) {
        return Snapshots.options()
                .withInstant(instant)
                .withStagingBytes(2 * SIZE_BYTES)
                .withPauseTarget(Duration.ofMillis(5));
    }

    private static WatchedProcess watch(int pid, InstantChoice instant) throws SnapshotException {
        return WatchedProcess.open(pid, options(instant), new SimpleMeterRegistry(), Progress.NONE);
    }

    @ParameterizedTest
    @CsvSource({"anon,1,0", "anon,2,2000", "thp,2,2000", "memfd,2,2000", "file,1,2000"})
    void everyImageOfAChainIsOneInstant(String memory, int threads, int rate) throws Exception {
        Settings settings = Settings.of(memory, SIZE_BYTES, threads);
        try (OracleTarget target =
                        OracleTarget.start(
                                rate == 0 ? settings : settings.withRate(rate), Seed.value());
                WatchedProcess watched = watch(target.pid(), InstantChoice.END)) {
            for (int turn = 0; turn < Campaign.turns(4, 40); turn++) {
                List<Long> before = target.published();
                assertThat(watched.goesOn()).isEqualTo(turn > 0);
                SnapshotReport report = watched.take(next());
                SnapshotOracleTest.check(target, before, read(target.region()), report);
                assertThat(report.captured().unchangedPages() > 0).isEqualTo(turn > 0);
            }
            verifyAll();
        }
    }

    @Test
    void everyImageOfMemoryOfTheHugetlbPoolIsOfOneInstant() throws Exception {
        try (HugePages _ = HugePages.reserve(SIZE_BYTES);
                OracleTarget target =
                        OracleTarget.start(
                                Settings.of("hugetlb", SIZE_BYTES, 1).withRate(2000),
                                Seed.value());
                WatchedProcess watched = watch(target.pid(), InstantChoice.END)) {
            for (int turn = 0; turn < 4; turn++) {
                List<Long> before = target.published();
                SnapshotReport report = watched.take(next());
                SnapshotOracleTest.check(target, before, read(target.region()), report);
            }
            verifyAll();
        }
    }

    /** Whatever becomes of a mapping between two images: the program stands still at both. */
    @Test
    void everyImageOfAStillProcessIsItsMemory() throws Exception {
        try (TargetProcess target = still()) {
            Map<String, Long> facts = target.awaitReady();
            try (WatchedProcess watched = watch(target.pid(), InstantChoice.END)) {
                check(watched, target, facts, "at first");
                for (String act : ACTS) {
                    act(target, act);
                    check(watched, target, facts, act);
                }
                for (int turn = 0; turn < Campaign.turns(10, 200); turn++) {
                    StringBuilder acts = new StringBuilder();
                    for (int i = random.nextInt(3); i >= 0; i--) {
                        String act = ACTS.get(random.nextInt(ACTS.size()));
                        acts.append(act).append(", ");
                        act(target, "join"); // others write where it has no rights
                        act(target, act);
                    }
                    check(watched, target, facts, acts.toString());
                }
            }
            verifyAll();
        }
    }

    @Test
    void whatChangedSinceAnImageThatFailedIsInTheNext() throws Exception {
        try (TargetProcess target = still()) {
            Map<String, Long> facts = target.awaitReady();
            try (WatchedProcess watched = watch(target.pid(), InstantChoice.END)) {
                check(watched, target, facts, "at first");
                act(target, "write");
                assertThatThrownBy(
                                () -> watched.take(new FailingSink(FailingSink.Failure.THROW, 0)))
                        .isInstanceOf(SnapshotException.class);
                assertThat(watched.goesOn()).isFalse();
                check(watched, target, facts, "after a failure");
                act(target, "write");
                check(watched, target, facts, "again");
                assertThat(watched.goesOn()).isTrue();
            }
            verifyAll();
        }
    }

    /** The chain goes on, though all is read. */
    @Test
    void whatDoesNotConvergeIsTakenAtTheStart() throws Exception {
        try (OracleTarget target =
                        OracleTarget.start(Settings.of("anon", SIZE_BYTES, 2), Seed.value());
                WatchedProcess watched =
                        WatchedProcess.open(
                                target.pid(),
                                options(InstantChoice.AUTO).withPauseTarget(Duration.ofNanos(1)),
                                new SimpleMeterRegistry(),
                                Progress.NONE)) {
            for (int turn = 0; turn < 2; turn++) {
                List<Long> before = target.published();
                SnapshotReport report = watched.take(next());
                SnapshotOracleTest.check(target, before, read(target.region()), report);
                assertThat(report.course().atEnd()).isFalse();
                assertThat(watched.goesOn()).isFalse();
            }
            verifyAll();
        }
    }

    @Test
    void anotherProgramIsNotTakenForTheOneThatIsWatched() throws Exception {
        try (TargetProcess target = still()) {
            target.awaitReady();
            try (WatchedProcess watched = watch(target.pid(), InstantChoice.END)) {
                watched.take(next());
                target.writeLine("exec");
                target.awaitLine("another program");
                assertThatThrownBy(() -> watched.take(next()))
                        .hasMessageContaining("another program");
            }
            assertThat(target.isAlive()).isTrue();
        }
    }

    @Test
    void anImageWithoutTheOneBeforeIsRefused() throws Exception {
        try (OracleTarget target =
                        OracleTarget.start(
                                Settings.of("anon", SIZE_BYTES, 1).withRate(1000), Seed.value());
                WatchedProcess watched = watch(target.pid(), InstantChoice.END)) {
            watched.take(next());
            assertThatThrownBy(() -> watched.take(ImageWriter.create(directory.resolve("alone"))))
                    .hasMessageContaining("is said to be in the parent");
            assertThat(Files.exists(directory.resolve("alone"))).isFalse();
            watched.take(new DiscardingSink()); // all of it, since that failed
        }
    }

    /** It stands still but for what it is told to do. */
    private TargetProcess still() throws Exception {
        return TargetProcess.startNative(
                "watched", List.of(directory.resolve("mapped").toString()));
    }

    private static void act(TargetProcess target, String act) throws Exception {
        target.writeLine(act);
        target.awaitLine("done");
    }

    private PageSink next() throws IOException {
        Path image = directory.resolve("image-" + chain.size());
        PageSink writer =
                chain.isEmpty()
                        ? ImageWriter.create(image)
                        : ImageWriter.createChild(image, chain.getLast());
        chain.add(image);
        return writer;
    }

    private void check(
            WatchedProcess watched, TargetProcess target, Map<String, Long> facts, String after)
            throws Exception {
        SnapshotReport report = watched.take(next());
        long bytes = facts.getOrDefault("bytes", 0L);
        assertThat(report.missing()).isEmpty();
        try (ProcessMemory memory = ProcessMemory.of(target.pid())) {
            for (String name : List.of("anonymous", "other", "shared", "file")) {
                long start = facts.getOrDefault(name, 0L);
                MemorySegment image = read(new AddressRange(start, start + bytes));
                byte[] now = memory.read(start, Math.toIntExact(bytes));
                long different = image.mismatch(MemorySegment.ofArray(now));
                assertThat(different)
                        .as("%s, page %d, %s", name, different / PAGE, after)
                        .isEqualTo(-1);
            }
        }
    }

    private MemorySegment read(AddressRange range) throws IOException {
        MemorySegment bytes = Arena.ofAuto().allocate(range.sizeBytes(), 8);
        try (ImageReader reader = ImageReader.open(chain.getLast())) {
            assertThat(reader.read(range, bytes)).isEmpty();
        }
        return bytes;
    }

    private void verifyAll() throws IOException {
        for (Path image : chain) {
            assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages())
                    .isEmpty();
        }
    }
}
