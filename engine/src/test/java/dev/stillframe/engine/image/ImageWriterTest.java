package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageWriterTest {
    /** From engine/IMAGE.md. */
    private static final String TINY_RECORDS =
            "0200000000000000" // page 0: DATA
                    + "d8fc4d31a9d8d440556a649ec73d6d78"
                    + "0100000000000000" // page 1: ZERO
                    + "00000000000000000000000000000000";

    private static final String TINY_HEADER =
            header(
                    "03000000", // format
                    "ec386e4d82c6396566b3bca5b89d7a670113de915e1b2844162600c49f3e09a5",
                    "5becadb1a2ec598b1c14fedd77c09331");

    /** As format 1 had it. */
    private static final String FORMER_HEADER =
            header(
                    "01000000",
                    "b88b919a7be799d2c77c856e49479054678b55c29fd183ecccd202493eca2168",
                    "83a8ce64c61069fc885552c20b4f8306");

    private static String header(String format, String manifestHash, String checksum) {
        return "5346494e44455800" // magic
                + format
                + "80000000" // length of the header
                + "0200000000000000" // ordinals
                + "00100000" // page size
                + "18000000" // length of a record
                + manifestHash
                + "00".repeat(48)
                + checksum;
    }

    @TempDir Path directory;

    @Test
    void theIndexOfATinyImageHasTheDocumentedBytes() throws IOException {
        Path image = directory.resolve("tiny");
        SampleImage.tiny().write(image);
        byte[] index = Files.readAllBytes(image.resolve("index"));
        HexFormat hex = HexFormat.of();
        assertThat(hex.formatHex(index, 128, index.length)).isEqualTo(TINY_RECORDS);
        assertThat(hex.formatHex(index, 0, 128)).isEqualTo(TINY_HEADER);
        assertThat(Files.readAllBytes(image.resolve("pages"))).isEqualTo(SampleImage.tiny().bytes);
    }

    /** Formats of before are not read, and it is said what to do. */
    @Test
    void anImageOfAnotherFormatIsRefused() throws IOException {
        Path image = directory.resolve("tiny");
        SampleImage.tiny().write(image);
        for (String header : List.of(FORMER_HEADER, TINY_HEADER.replaceFirst("03", "02"))) {
            Files.write(image.resolve("index"), HexFormat.of().parseHex(header + TINY_RECORDS));
            assertThatThrownBy(() -> ImageReader.open(image))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining("this program reads format 3")
                    .hasMessageContaining("take the image anew");
        }
    }

    @Test
    void batchesInAnyOrderMakeTheSameImage() throws IOException {
        Random random = Seed.random();
        for (int round = 0; round < 20; round++) {
            SampleImage sample = SampleImage.random(random, 3 + random.nextInt(200));
            Path image = directory.resolve("image" + round);
            writeShuffled(sample, image, random);
            byte[] index = Files.readAllBytes(image.resolve("index"));
            assertThat(Arrays.copyOfRange(index, 128, index.length))
                    .isEqualTo(sample.recordBytes());
            assertThat(Files.readAllBytes(image.resolve("pages"))).isEqualTo(sample.bytes);
        }
    }

    private static void writeShuffled(SampleImage sample, Path image, Random random)
            throws IOException {
        List<int[]> runs = new ArrayList<>();
        for (int page = 0; page < sample.kinds.length; ) {
            int end = sample.runEnd(page, 1 + random.nextInt(8));
            runs.add(new int[] {page, end});
            page = end;
        }
        for (int swaps = random.nextInt(runs.size()); swaps > 0; swaps--) {
            Collections.swap(runs, random.nextInt(runs.size()), random.nextInt(runs.size()));
        }
        try (ImageWriter writer = ImageWriter.create(image)) {
            writer.begin(sample.layout);
            for (int next = 0; next < runs.size(); ) {
                RunsBatch batch = new RunsBatch();
                for (int left = 1 + random.nextInt(20); left > 0 && next < runs.size(); left--) {
                    sample.addRun(batch, runs.get(next)[0], runs.get(next++)[1]);
                }
                writer.accept(batch);
                assertThat(batch.released).isOne();
            }
            assertThat(writer.finish(sample.ending())).isEqualTo(image.toString());
        }
    }

    @Test
    void nothingHasTheNameBeforeTheEndAndNothingIsLeftBeside() throws IOException {
        SampleImage sample = SampleImage.tiny();
        Path image = directory.resolve("image");
        try (ImageWriter writer = ImageWriter.create(image)) {
            writer.begin(sample.layout);
            writer.accept(sample.batch());
            assertThat(image).doesNotExist();
            assertThat(mode(writer.partial())).isEqualTo("rwx------");
            writer.finish(sample.ending());
        }
        assertThat(names()).containsExactly("image");
        for (String file : List.of("index", "pages", "manifest.json")) {
            assertThat(mode(image.resolve(file))).isEqualTo("rw-------");
        }
    }

    @Test
    void anExistingNameIsRefusedAtOnceAndAtTheEnd() throws IOException {
        Path image = directory.resolve("image");
        SampleImage sample = SampleImage.tiny();
        try (ImageWriter writer = ImageWriter.create(image)) {
            writer.begin(sample.layout);
            writer.accept(sample.batch());
            Files.writeString(image, "in between");
            assertThatThrownBy(() -> writer.finish(sample.ending()))
                    .hasMessageContaining("exists already");
        }
        assertThat(image).hasContent("in between");
        assertThatThrownBy(() -> ImageWriter.create(image)).hasMessageContaining("exists already");
    }

    @Test
    void aWriterThatNeverBeganLeavesNothing() throws IOException {
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            assertThat(writer.partial()).exists();
            writer.abort("no connection");
        }
        assertThat(names()).isEmpty();
    }

    @Test
    void anAbortedImageKeepsItsTemporaryName() throws IOException {
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(SampleImage.tiny().layout);
            writer.abort("cut");
            writer.abort("again");
            RunsBatch batch = SampleImage.tiny().batch();
            assertThatThrownBy(() -> writer.accept(batch)).hasMessageContaining("cut");
            assertThat(batch.released).isOne();
        }
        assertThat(names()).singleElement().asString().matches("image\\.partial-[0-9a-f]{8}");
    }

    @Test
    void aPageThatComesTwiceInABatchIsRefused() throws IOException {
        RunsBatch twice = SampleImage.tiny().batch().add(PageKind.ZERO, 1, 1);
        assertRefused(SampleImage.tiny().layout, twice, "page 1 came twice in one batch");
    }

    /** In rounds: what comes last of a page counts, and of what came before nothing is left. */
    @Test
    void whatComesLastOfAPageCounts() throws IOException {
        SampleImage sample = SampleImage.tiny();
        Path image = directory.resolve("image");
        byte[] other = new byte[SampleImage.PAGE];
        Arrays.fill(other, (byte) 7);
        try (ImageWriter writer = ImageWriter.create(image)) {
            writer.begin(sample.layout);
            writer.accept(new RunsBatch().add(PageKind.ZERO, 0, 1).addData(1, other));
            writer.amend(sample.layout);
            writer.accept(sample.batch());
            writer.finish(sample.ending());
        }
        byte[] index = Files.readAllBytes(image.resolve("index"));
        assertThat(HexFormat.of().formatHex(index, 128, index.length)).isEqualTo(TINY_RECORDS);
        assertThat(Files.readAllBytes(image.resolve("pages"))).isEqualTo(sample.bytes);
    }

    @Test
    void aLayoutMayWinAndLosePagesBetweenRounds() throws IOException {
        Layout before = layoutOf(List.of(new Extent(0, 2, 0), new Extent(4, 1, 2)));
        Layout after = layoutOf(List.of(new Extent(1, 1, 1), new Extent(2, 1, 3)));
        byte[] page = new byte[SampleImage.PAGE];
        Arrays.fill(page, (byte) 7);
        byte[] bytes = new byte[4 * SampleImage.PAGE];
        Arrays.fill(bytes, SampleImage.PAGE, 2 * SampleImage.PAGE, (byte) 7);
        Arrays.fill(bytes, 3 * SampleImage.PAGE, bytes.length, (byte) 7);
        PageKind[] kinds = {PageKind.UNKNOWN, PageKind.DATA, PageKind.UNKNOWN, PageKind.DATA};
        SampleImage expected = new SampleImage(after, List.of(), kinds, bytes);
        Path image = directory.resolve("image");
        try (ImageWriter writer = ImageWriter.create(image)) {
            writer.begin(before);
            writer.accept(new RunsBatch().addData(0, page).addData(1, page).addData(2, page));
            writer.amend(after);
            writer.accept(new RunsBatch().addData(3, page));
            writer.finish(expected.ending());
        }
        assertThat(Files.readAllBytes(image.resolve("pages"))).isEqualTo(bytes);
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
        try (ImageReader reader = ImageReader.open(image)) {
            long start = SampleImage.HEAP + SampleImage.PAGE;
            byte[] both = new byte[2 * SampleImage.PAGE];
            reader.read(new AddressRange(start, start + both.length), MemorySegment.ofArray(both));
            assertThat(both).containsOnly((byte) 7);
        }
    }

    @Test
    void anOrdinalNeverMeansAnotherAddress() throws IOException {
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(layoutOf(List.of(new Extent(0, 3, 0))));
            Layout moved = layoutOf(List.of(new Extent(0, 1, 0), new Extent(2, 1, 1)));
            assertThatThrownBy(() -> writer.amend(moved))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining(
                            "ordinal 1 means the page at 10001000, and cannot mean that at 10002000");
        }
    }

    private static Layout layoutOf(List<Extent> extents) {
        return SampleImage.layout(
                List.of(),
                List.of(
                        SampleImage.region(
                                SampleImage.HEAP, 8, RegionKind.ANONYMOUS, "", extents)));
    }

    @Test
    void pagesOutsideTheExtentsAreRefused() throws IOException {
        Layout layout = SampleImage.tiny().layout;
        long[][] outside = {
            {2, 1}, {1, 2}, {-1, 1}, {0, 3}, {Long.MAX_VALUE, 1}, {1, Long.MAX_VALUE}, {0, 0}
        };
        for (long[] run : outside) {
            RunsBatch batch = new RunsBatch().add(PageKind.ZERO, run[0], run[1]);
            assertRefused(layout, batch, "not inside one extent of the 2 pages");
        }
    }

    @Test
    void aRunAcrossTwoExtentsIsRefused() throws IOException {
        Region heap =
                SampleImage.region(
                        SampleImage.HEAP,
                        4,
                        RegionKind.ANONYMOUS,
                        "",
                        List.of(new Extent(0, 1, 0), new Extent(2, 1, 1)));
        Layout layout = SampleImage.layout(List.of(), List.of(heap));
        assertRefused(layout, new RunsBatch().add(PageKind.ZERO, 0, 2), "not inside one extent");
    }

    @Test
    void unknownPagesAndWrongLengthsAreRefused() throws IOException {
        Layout layout = SampleImage.tiny().layout;
        assertRefused(layout, new RunsBatch().add(PageKind.UNKNOWN, 0, 1), "came as unknown");
        assertRefused(layout, new RunsBatch().add(PageKind.DATA, 0, 1), "came with 0 bytes");
    }

    @Test
    void aWrongHashIsRefusedWhenItCameFromElsewhere() throws IOException {
        RunsBatch batch = SampleImage.tiny().batch();
        batch.data(0).set(ValueLayout.JAVA_BYTE, 17, (byte) 9);
        assertRefused(
                SampleImage.tiny().layout,
                batch,
                "page 0 (10000000-10001000) does not have the hash");
    }

    private void assertRefused(Layout layout, RunsBatch batch, String message) throws IOException {
        try (ImageWriter writer = ImageWriter.createVerifying(directory.resolve("image"))) {
            writer.begin(layout);
            assertThatThrownBy(() -> writer.accept(batch))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining(message);
            assertThat(batch.released).isOne();
            assertThatThrownBy(() -> writer.finish(SampleImage.tiny().ending()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("failed before");
        }
        assertThat(directory.resolve("image")).doesNotExist();
    }

    @Test
    void anEndingThatDoesNotFitIsRefused() throws IOException {
        SampleImage sample = SampleImage.tiny();
        assertNotFinished(
                sample,
                new RunsBatch().add(PageKind.ZERO, 0, 1),
                sample.ending(),
                "page 1 (10001000-10002000) never came");
        assertNotFinished(
                sample, sample.batch(), new Ending(List.of(), new byte[32]), "the root hash of");
        RunsBatch lost = new RunsBatch().add(PageKind.ZERO, 0, 1).add(PageKind.LOST, 1, 1);
        assertNotFinished(sample, lost, sample.ending(), "is lost, but not in the list");
    }

    private void assertNotFinished(
            SampleImage sample, RunsBatch batch, Ending ending, String message) throws IOException {
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(sample.layout);
            writer.accept(batch);
            assertThatThrownBy(() -> writer.finish(ending))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining(message);
        }
        assertThat(directory.resolve("image")).doesNotExist();
    }

    @Test
    void aLayoutOfTooManyPagesIsRefusedBeforeAnythingIsWritten() throws IOException {
        assertLayoutRefused((1L << 36) + 1, "an image has at most 68719476736");
        assertLayoutRefused(1L << 36, "make room or choose another place");
        assertThat(names()).isEmpty();
    }

    private void assertLayoutRefused(long pages, String message) throws IOException {
        Region huge =
                SampleImage.region(
                        SampleImage.HEAP,
                        pages,
                        RegionKind.ANONYMOUS,
                        "",
                        List.of(new Extent(0, pages, 0)));
        Layout layout = SampleImage.layout(List.of(), List.of(huge));
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            assertThatThrownBy(() -> writer.begin(layout))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(message);
        }
    }

    @Test
    void aTableOfSeveralGigabytesIsMappedAsAWhole() throws IOException {
        long pages = 200_000_000;
        assumeTrue(
                directory.toFile().getUsableSpace() > ImageFormat.indexBytes(pages),
                "needs 5 GB that it does not use");
        Region heap =
                SampleImage.region(
                        SampleImage.HEAP,
                        pages,
                        RegionKind.ANONYMOUS,
                        "",
                        List.of(new Extent(0, pages, 0)));
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(SampleImage.layout(List.of(), List.of(heap)));
            writer.accept(
                    new RunsBatch().add(PageKind.ZERO, pages - 1, 1).add(PageKind.ZERO, 0, 1));
            RunsBatch behind = new RunsBatch().add(PageKind.ZERO, pages, 1);
            assertThatThrownBy(() -> writer.accept(behind))
                    .hasMessageContaining("1 pages from 200000000 are not inside one extent");
        }
    }

    @Test
    void anImageWithoutPagesIsAnImage() throws IOException {
        Layout layout = SampleImage.layout(List.of(), List.of());
        SampleImage empty = new SampleImage(layout, List.of(), new PageKind[0], new byte[0]);
        Path image = directory.resolve("empty");
        try (ImageWriter writer = ImageWriter.create(image)) {
            writer.begin(layout);
            writer.finish(empty.ending());
        }
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
    }

    private List<String> names() throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }
}
