package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImageReaderTest {
    private static final int PAGE = SampleImage.PAGE;
    private static final long HEAP = SampleImage.HEAP;

    @TempDir Path directory;

    @Test
    void anyRangeReadsAsTheMemoryWas() throws IOException {
        Random random = Seed.random();
        int pages = 700; // more than one step of the reader
        SampleImage sample = SampleImage.random(random, pages);
        sample.write(directory.resolve("image"));
        long span = (3L * pages + 20) * PAGE;
        byte[] memory = memory(sample, span);
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            for (int round = 0; round < 100; round++) {
                long start = random.nextLong(span - 1);
                long end =
                        Math.min(
                                span,
                                start + 1 + random.nextLong(round % 2 == 0 ? 3 * PAGE : span));
                byte[] read = new byte[(int) (end - start)];
                AddressRange range = new AddressRange(HEAP + start, HEAP + end);
                List<Missing> missing = reader.read(range, MemorySegment.ofArray(read));
                assertThat(Arrays.mismatch(read, 0, read.length, memory, (int) start, (int) end))
                        .isEqualTo(-1);
                assertThat(missing).isEqualTo(reader.unavailable(range));
            }
        }
    }

    private static byte[] memory(SampleImage sample, long span) {
        byte[] memory = new byte[(int) span];
        PageLocator locator = new PageLocator(sample.layout);
        for (int page = 0; page < sample.kinds.length; page++) {
            int at = (int) (locator.address(page) - HEAP);
            System.arraycopy(sample.bytes, page * PAGE, memory, at, PAGE);
        }
        return memory;
    }

    @Test
    void whatIsNotThereIsNamedWithItsReason() throws IOException {
        List<Region> regions =
                List.of(
                        SampleImage.region(
                                HEAP,
                                3,
                                RegionKind.ANONYMOUS,
                                "[heap]",
                                List.of(new Extent(1, 2, 0))),
                        SampleImage.region(
                                HEAP + 4 * PAGE, 2, RegionKind.DEVICE, "/dev/sample", List.of()));
        Missing lost = missing(HEAP + 2 * PAGE, HEAP + 3 * PAGE, "discarded by the process");
        PageKind[] kinds = {PageKind.ZERO, PageKind.LOST};
        Layout layout = SampleImage.layout(List.of(), regions);
        new SampleImage(layout, List.of(lost), kinds, new byte[2 * PAGE])
                .write(directory.resolve("image"));
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThat(reader.unavailable(new AddressRange(HEAP - 10, HEAP + 5 * PAGE)))
                    .containsExactly(
                            missing(HEAP - 10, HEAP, "nothing was mapped there"),
                            lost,
                            missing(HEAP + 3 * PAGE, HEAP + 4 * PAGE, "nothing was mapped there"),
                            missing(HEAP + 4 * PAGE, HEAP + 5 * PAGE, "memory of a device"));
            assertThat(reader.kind(0)).isEqualTo(PageKind.ZERO);
            assertThat(reader.kind(1)).isEqualTo(PageKind.LOST);
            assertThat(reader.hash(0)).containsOnly(0);
            assertThatThrownBy(() -> reader.kind(2)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void absentPagesThatAreListedAsMissingAreNotZero() throws IOException {
        Region ring = SampleImage.region(HEAP, 4, RegionKind.SHARED, "/memfd:ring", List.of());
        Missing hidden = missing(HEAP + PAGE, HEAP + 2 * PAGE, "written by another process");
        Layout layout = SampleImage.layout(List.of(), List.of(ring));
        new SampleImage(layout, List.of(hidden), new PageKind[0], new byte[0])
                .write(directory.resolve("image"));
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThat(reader.unavailable(ring.range())).containsExactly(hidden);
        }
    }

    @Test
    void pagesOfAnUnchangedFileAreReadFromIt() throws IOException {
        byte[] content = new byte[2 * PAGE + 100];
        Arrays.fill(content, (byte) 7);
        Path file = Files.write(directory.resolve("library.so"), content);
        Region mapped =
                SampleImage.region(
                        HEAP,
                        4,
                        RegionKind.PRIVATE_FILE,
                        file.toString(),
                        List.of(new Extent(1, 1, 0)),
                        reference(file));
        byte[] changed = new byte[PAGE];
        Arrays.fill(changed, (byte) 8);
        PageKind[] kinds = {PageKind.DATA};
        new SampleImage(SampleImage.layout(List.of(), List.of(mapped)), List.of(), kinds, changed)
                .write(directory.resolve("image"));

        byte[] expected = Arrays.copyOf(content, 4 * PAGE);
        System.arraycopy(changed, 0, expected, PAGE, PAGE);
        byte[] read = new byte[4 * PAGE];
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThat(reader.read(mapped.range(), MemorySegment.ofArray(read)))
                    .containsExactly(
                            missing(HEAP + 3 * PAGE, HEAP + 4 * PAGE, "behind the end of " + file));
        }
        assertThat(read).isEqualTo(expected);

        Files.setLastModifiedTime(file, FileTime.from(1, TimeUnit.DAYS));
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            List<Missing> missing = reader.read(mapped.range(), MemorySegment.ofArray(read));
            assertThat(missing).hasSize(2);
            assertThat(missing.getFirst().reason()).contains("is not the file any more");
        }
        assertThat(read).startsWith(new byte[PAGE]);

        Files.delete(file);
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThat(reader.unavailable(mapped.range()).getFirst().reason())
                    .contains("is not there");
        }
    }

    static FileReference reference(Path file) throws IOException {
        long inode = (Long) Files.getAttribute(file, "unix:ino");
        long modified = Files.getLastModifiedTime(file).to(TimeUnit.NANOSECONDS);
        return new FileReference(file.toString(), inode, Files.size(file), modified, null);
    }

    @Test
    void aDamagedPageIsNotHandedOut() throws IOException {
        Path image = directory.resolve("image");
        SampleImage.tiny().write(image);
        try (RandomAccessFile pages = new RandomAccessFile(image.resolve("pages").toFile(), "rw")) {
            pages.seek(100);
            pages.write(2);
        }
        try (ImageReader reader = ImageReader.open(image)) {
            AddressRange one = new AddressRange(HEAP + 4, HEAP + 5);
            assertThatThrownBy(() -> reader.read(one, MemorySegment.ofArray(new byte[1])))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining("page 0 (10000000-10001000)");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "index, 175, 'index is 175 bytes long, 176 were expected: it is truncated'",
        "index, 100, 'index is 100 bytes long; its header alone has 128'",
        "index, 0, 'index is 0 bytes long; its header alone has 128'",
        "index, 177, 'index is 177 bytes long, 176 were expected'",
        "pages, 8191, 'pages is 8191 bytes long, 8192 were expected: it is truncated'",
        "pages, 0, 'pages is 0 bytes long, 8192 were expected'",
        "pages, 12288, 'pages is 12288 bytes long, 8192 were expected'",
        "manifest.json, 0, 'manifest.json is damaged'",
        "manifest.json, 100, 'manifest.json is damaged'"
    })
    void aFileOfTheWrongLengthIsNamed(String file, long length, String message) throws IOException {
        Path image = directory.resolve("image");
        SampleImage.tiny().write(image);
        try (RandomAccessFile cut = new RandomAccessFile(image.resolve(file).toFile(), "rw")) {
            cut.setLength(length);
        }
        assertThatThrownBy(() -> ImageReader.open(image))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining(message);
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages())
                .singleElement()
                .asString()
                .contains(message);
    }

    @Test
    void anUnfinishedImageIsNoImage() throws IOException {
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(SampleImage.tiny().layout);
            assertThatThrownBy(() -> ImageReader.open(writer.partial()))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining("not a finished image");
        }
        assertThatThrownBy(() -> ImageReader.open(directory.resolve("none")))
                .hasMessageContaining("no image there");
    }

    private static Missing missing(long start, long end, String reason) {
        return new Missing(new AddressRange(start, end), reason);
    }
}
