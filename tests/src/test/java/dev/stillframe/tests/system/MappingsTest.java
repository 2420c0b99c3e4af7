package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.image.SequenceCheck;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.TargetProcess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many mappings, memory mapped twice, memory that others write, private mappings of files. */
@Timeout(180)
class MappingsTest {
    private static final int PAGE = 4096;
    private static final long FILLED_BYTES = 64L << 20;
    private static final String FILLS =
            """
            import mmap, os, time
            size = %d
            file = os.memfd_create('twice')
            os.ftruncate(file, size)
            one, other = mmap.mmap(file, size), mmap.mmap(file, size)
            starts = [int(line.split('-')[0], 16) for line in open('/proc/self/maps') if '/memfd:twice' in line]
            print('ready first=%%d second=%%d' %% tuple(starts), flush=True)
            for page in range(size // 4096):
                other[page * 4096] = 1
                time.sleep(0.001)
            time.sleep(600)
            """
                    .formatted(FILLED_BYTES);

    @Test
    void fiveThousandMappingsAreOneInstant() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("mappings5000", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            long area = facts.getOrDefault("address", 0L);
            long mappings = facts.getOrDefault("mappings", 0L);
            MemoryImage image = new MemoryImage();
            try {
                Snapshots.take(target.pid(), image);
                assertThat(image.layout().regions()).hasSizeGreaterThan((int) mappings - 1);
                List<MemorySegment> written = pages(image, mappings / 2, n -> area + n * 4 * PAGE);
                assertThat(SequenceCheck.deviation(written)).isEmpty();
                List<MemorySegment> still = pages(image, mappings, n -> area + n * 2 * PAGE + PAGE);
                for (int n = 0; n < mappings; n++) {
                    assertThat(SequenceCheck.first(still.get(n)))
                            .isEqualTo(0xABCD000000000000L + n);
                    assertThat(SequenceCheck.last(still.get(n))).isEqualTo(0xABCD000000000000L + n);
                }
                AddressRange range = new AddressRange(area, area + mappings * 2 * PAGE);
                assertThat(image.ending().missing())
                        .noneMatch(missing -> missing.range().overlaps(range));
            } finally {
                image.free();
            }
        }
    }

    @Test
    void memoryMappedTwiceIsOneInstantOrListed() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("shared", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            long one = facts.getOrDefault("one", 0L);
            long other = facts.getOrDefault("other", 0L);
            long pages = facts.getOrDefault("size", 0L) / PAGE;
            for (int turn = 0; turn < Campaign.turns(30, 400); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    for (long mapping : new long[] {one, other}) {
                        boolean listed =
                                LongStream.range(0, pages)
                                        .allMatch(n -> image.isMissing(mapping + n * PAGE));
                        assertThat(
                                        SequenceCheck.deviation(
                                                pages(image, pages, n -> mapping + n * PAGE)))
                                .matches(wrong -> listed || wrong.isEmpty());
                    }
                } finally {
                    image.free();
                }
            }
        }
    }

    /**
     * Each page comes to be through one of two mappings; the other must not keep the hole that was
     * there before.
     */
    @Test
    void memoryMappedTwiceThatIsFilledMeanwhileIsOneInstant() throws Exception {
        try (TargetProcess target = TargetProcess.start(List.of("python3", "-c", FILLS))) {
            Map<String, Long> facts = target.awaitReady();
            for (int turn = 0; turn < 3; turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    long filled = filled(image, facts.getOrDefault("first", 0L));
                    assertThat(filled(image, facts.getOrDefault("second", 0L))).isEqualTo(filled);
                    assertThat(filled).as("pages before the last").isLessThan(FILLED_BYTES / PAGE);
                } finally {
                    image.free();
                }
            }
        }
    }

    /** The number of pages from the start on that are filled; all behind them are empty. */
    private static long filled(MemoryImage image, long start) {
        MemorySegment memory = image.read(new AddressRange(start, start + FILLED_BYTES));
        long filled = 0;
        while (filled < FILLED_BYTES / PAGE
                && memory.get(ValueLayout.JAVA_BYTE, filled * PAGE) != 0) {
            filled++;
        }
        for (long page = filled; page < FILLED_BYTES / PAGE; page++) {
            assertThat(memory.get(ValueLayout.JAVA_BYTE, page * PAGE))
                    .as("page %d behind %d", page, filled)
                    .isZero();
        }
        return filled;
    }

    @Test
    void memoryThatAnotherProcessCanWriteIsListed() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("shared", List.of("--second", "1"))) {
            Map<String, Long> facts = target.awaitReady();
            long one = facts.getOrDefault("one", 0L);
            long other = facts.getOrDefault("other", 0L);
            long size = facts.getOrDefault("size", 0L);
            MemoryImage image = new MemoryImage();
            try {
                Snapshots.take(target.pid(), image);
                for (long offset = size / 2; offset < size; offset += PAGE) {
                    assertThat(image.isMissing(one + offset))
                            .as("page at %d is listed", offset)
                            .isTrue();
                    assertThat(image.isMissing(other + offset))
                            .as("page at %d is listed", offset)
                            .isTrue();
                }
                assertThat(image.ending().missing())
                        .filteredOn(missing -> missing.range().contains(one + size / 2))
                        .extracting(Missing::reason)
                        .allMatch(reason -> reason.contains("process"));
            } finally {
                image.free();
            }
        }
    }

    @Test
    void ofAPrivateFileMappingTheChangedPagesAreStored() throws Exception {
        Path file = Files.createTempFile(NativeProgram.scratch(), "private-", ".bin");
        byte[] content = new byte[8 << 20];
        new Random(1).nextBytes(content);
        Files.write(file, content);
        try (TargetProcess target =
                TargetProcess.startNative("privatefile", List.of("--file", file.toString()))) {
            Map<String, Long> facts = target.awaitReady();
            long address = facts.getOrDefault("address", 0L);
            long pages = content.length / PAGE;
            MemoryImage image = new MemoryImage();
            try {
                Snapshots.take(target.pid(), image);
                Region region = image.region(address).orElseThrow();
                assertThat(region.kind()).isEqualTo(RegionKind.PRIVATE_FILE);
                assertThat(region.file())
                        .isNotNull()
                        .satisfies(
                                found -> {
                                    assertThat(found.path())
                                            .isEqualTo(file.toRealPath().toString());
                                    assertThat(found.sizeBytes()).isEqualTo(content.length);
                                });
                assertThat(
                                SequenceCheck.deviation(
                                        pages(image, pages / 4, n -> address + n * PAGE)))
                        .isEmpty();
                byte[] first = new byte[PAGE - 16]; // between the two words that are written
                MemorySegment.copy(
                        image.read(new AddressRange(address + 8, address + PAGE - 8)),
                        0,
                        MemorySegment.ofArray(first),
                        0,
                        first.length);
                assertThat(first).isEqualTo(Arrays.copyOfRange(content, 8, PAGE - 8));
                for (long page = pages / 4; page < pages; page++) {
                    assertThat(image.kind(address + page * PAGE))
                            .as("page %d is the file's", page)
                            .isEmpty();
                }
            } finally {
                image.free();
            }
        } finally {
            Files.delete(file);
        }
    }

    /** While the target stands nothing empties staging: waiting for room there would never end. */
    @Test
    void changedPagesWithoutRoomInStagingAreListedAndStopNobody() throws Exception {
        Path file = Files.createTempFile(NativeProgram.scratch(), "private-", ".bin");
        Files.write(file, new byte[160 << 20]); // a quarter of it is changed
        try (TargetProcess target =
                TargetProcess.startNative("privatefile", List.of("--file", file.toString()))) {
            Map<String, Long> facts = target.awaitReady();
            long address = facts.getOrDefault("address", 0L);
            long changed = facts.getOrDefault("size", 0L) / 4;
            MemoryImage image = new MemoryImage();
            try {
                Snapshots.take(
                        target.pid(),
                        image,
                        Snapshots.options().withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES),
                        Progress.NONE);
                List<Long> stored =
                        LongStream.range(0, changed / PAGE)
                                .mapToObj(n -> address + n * PAGE)
                                .filter(at -> !image.isMissing(at))
                                .toList();
                assertThat(stored).hasSizeBetween(1, (int) (changed / PAGE) - 1);
                assertThat(stored)
                        .allMatch(at -> image.kind(at).equals(Optional.of(PageKind.DATA)));
                assertThat(image.ending().missing())
                        .filteredOn(missing -> missing.range().end() == address + changed)
                        .extracting(Missing::reason)
                        .allMatch(reason -> reason.contains("staging"))
                        .hasSize(1);
            } finally {
                image.free();
            }
        } finally {
            Files.delete(file);
        }
    }

    /**
     * The pages at {@code address.applyAsLong(0)} to {@code (count - 1)}, each with data in the
     * image.
     */
    private static List<MemorySegment> pages(
            MemoryImage image, long count, LongUnaryOperator address) {
        return LongStream.range(0, count)
                .map(address)
                .peek(
                        at ->
                                assertThat(image.kind(at))
                                        .as("page at 0x%x", at)
                                        .contains(PageKind.DATA))
                .mapToObj(at -> image.read(new AddressRange(at, at + PAGE)))
                .toList();
    }
}
