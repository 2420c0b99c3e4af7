package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.target.HugePages;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every image is one instant, whatever the memory is made of and however many threads write. */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class SnapshotOracleTest {
    private static final long SIZE_BYTES = 64L << 20;

    private final RandomGenerator random = Seed.random("SnapshotOracleTest");

    /** In a campaign 516 images. */
    @ParameterizedTest
    @CsvSource({
        "anon,1",
        "anon,2",
        "anon,8",
        "thp,1",
        "thp,2",
        "thp,8",
        "memfd,1",
        "memfd,2",
        "memfd,8",
        "hugetlb,1",
        "hugetlb,2",
        "hugetlb,8"
    })
    void everyImageIsOneInstant(String memory, int threads) throws Exception {
        try (HugePages _ = HugePages.reserve(memory.equals("hugetlb") ? SIZE_BYTES : 0);
                OracleTarget target =
                        OracleTarget.start(
                                Settings.of(memory, SIZE_BYTES, threads), Seed.value())) {
            for (int turn = 0; turn < Campaign.turns(2, 43); turn++) {
                atARandomMoment();
                if (turn % 2 == 0) {
                    checkInMemory(target, Snapshots.options());
                } else {
                    checkOnDisk(target);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"anon,2", "memfd,2", "thp,1"})
    void pagesThatAppearDuringTheSnapshotAreNotInIt(String memory, int threads) throws Exception {
        Settings settings = Settings.of(memory, SIZE_BYTES, threads).withRate(10_000).withHoles();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            for (int turn = 0; turn < Campaign.turns(2, 10); turn++) {
                checkInMemory(target, Snapshots.options());
            }
        }
    }

    @Test
    void theSmallestStagingIsEnough() throws Exception {
        try (OracleTarget target =
                OracleTarget.start(Settings.of("anon", SIZE_BYTES, 2), Seed.value())) {
            checkInMemory(
                    target,
                    Snapshots.options().withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES));
        }
    }

    @ParameterizedTest
    @CsvSource({"1,false,false", "1,true,true", "64,true,false", "512,false,true"})
    void everyTuningIsCorrect(int pages, boolean spin, boolean preCopy) throws Exception {
        SnapshotOptions tuned =
                Snapshots.options()
                        .withWorkers(2)
                        .withTuning(new SnapshotOptions.Tuning(pages, spin, preCopy));
        try (OracleTarget target =
                OracleTarget.start(Settings.of("anon", SIZE_BYTES, 2), Seed.value())) {
            checkInMemory(target, tuned);
        }
    }

    private void checkInMemory(OracleTarget target, SnapshotOptions options) throws Exception {
        MemoryImage image = new MemoryImage();
        try {
            List<Long> before = target.published();
            SnapshotReport report = Snapshots.take(target.pid(), image, options, Progress.NONE);
            check(target, before, image.read(target.region()), report);
        } finally {
            image.free();
        }
    }

    private void checkOnDisk(OracleTarget target) throws Exception {
        Path path =
                NativeProgram.scratch()
                        .resolve("oracle-" + target.pid() + "-" + random.nextLong(Long.MAX_VALUE));
        try {
            List<Long> before = target.published();
            SnapshotReport report;
            try (ImageWriter writer = ImageWriter.create(path)) {
                report = Snapshots.take(target.pid(), writer);
            }
            OracleImage.check(target, before, path, report);
        } finally {
            DirectoryTree.delete(path);
        }
    }

    /** That an image is of one instant, which lies between the two looks at what was written. */
    static void check(
            OracleTarget target, List<Long> before, MemorySegment region, SnapshotReport report)
            throws IOException {
        assertThat(OracleCheck.deviation(target.shape(), region)).as("%s", report).isEmpty();
        assertThat(report.missing())
                .noneMatch(missing -> missing.range().overlaps(target.region()));
        List<Long> at = OracleCheck.published(target.shape(), region);
        List<Long> after = target.published();
        for (int thread = 0; thread < at.size(); thread++) {
            assertThat(at.get(thread))
                    .as("T0 lies in the snapshot")
                    .isBetween(before.get(thread), after.get(thread));
        }
        assertThat(target.process().isAlive()).isTrue();
    }

    private void atARandomMoment() {
        LockSupport.parkNanos(random.nextLong(Duration.ofMillis(50).toNanos()));
    }
}
