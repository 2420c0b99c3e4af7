package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An image that shares pages with its parent is the same image, as long as the parent is there and
 * whole.
 */
class ImageChainTest {
    private static final int PAGE = SampleImage.PAGE;
    private static final int PAGES = 1500; // more than one step of the verifier

    private final Random random = Seed.random();

    @TempDir Path directory;

    @Test
    void aChildStoresOnlyWhatDiffersAndIsTheSameImage() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        SampleImage second = changed(first);
        SampleImage third = changed(second);
        first.write(directory.resolve("first"));
        writeChild(second, "second", "first");
        writeChild(third, "third", "second");
        third.write(Files.createDirectory(directory.resolve("elsewhere")).resolve("whole"));

        Verification verification =
                ImageVerifier.verify(directory.resolve("third"), ImageVerifier.Progress.NONE);
        assertThat(verification.damages()).isEmpty();
        long differing = differing(second, third);
        assertThat(verification.dataPages()).isEqualTo(differing);
        assertThat(verification.sharedPages()).isEqualTo(dataPages(third) - differing).isPositive();
        try (ImageReader child = ImageReader.open(directory.resolve("third"));
                ImageReader whole = ImageReader.open(directory.resolve("elsewhere/whole"))) {
            assertThat(child.rootHash()).isEqualTo(whole.rootHash());
            assertThat(child.parent()).isEqualTo(rootHash("second"));
            assertThat(child.sharedPages()).isEqualTo(verification.sharedPages());
            assertThat(bytes(child)).isEqualTo(bytes(whole));
        }
    }

    @Test
    void mergedItStandsAloneWithTheSameRootHash() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        SampleImage second = changed(first);
        first.write(directory.resolve("first"));
        writeChild(second, "second", "first");
        Path merged = Files.createDirectory(directory.resolve("elsewhere")).resolve("merged");
        try (ImageReader child = ImageReader.open(directory.resolve("second"))) {
            ImageMerge.merge(child, merged, ImageMerge.Progress.NONE);
            try (ImageReader whole = ImageReader.open(merged)) {
                assertThat(whole.parent()).isNull();
                assertThat(whole.rootHash()).isEqualTo(child.rootHash());
                assertThat(bytes(whole)).isEqualTo(bytes(child));
            }
        }
        assertThat(ImageVerifier.verify(merged, ImageVerifier.Progress.NONE).intact()).isTrue();
    }

    @Test
    void madeToStandAloneItRemovesWhatAnAttemptThatWasCutOffHasLeft() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        SampleImage second = changed(first);
        first.write(directory.resolve("first"));
        writeChild(second, "second", "first");
        second.write(directory.resolve(".second.whole"));
        Path partial = Files.createDirectory(directory.resolve(".second.whole.partial-0000beef"));
        Files.createFile(partial.resolve(ImageFormat.INDEX));
        ImageStore store = ImageStore.open(directory);
        store.makeStandAlone("second");
        store.remove("first");
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).containsExactly(directory.resolve("second"));
        }
        Path image = directory.resolve("second");
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).intact()).isTrue();
    }

    @Test
    void anImageThatSharesNothingStandsAlone() throws IOException {
        SampleImage.random(random, PAGES).write(directory.resolve("first"));
        writeChild(SampleImage.random(random, PAGES), "second", "first");
        try (ImageReader child = ImageReader.open(directory.resolve("second"))) {
            assertThat(child.parent()).isNull();
        }
    }

    @Test
    void aParentThatIsNotThereIsNamedAndMayBeElsewhere() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        first.write(directory.resolve("first"));
        writeChild(changed(first), "second", "first");
        String wanted = rootHash("first");
        Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
        Files.move(directory.resolve("first"), elsewhere.resolve("another-name"));
        try (ImageReader child = ImageReader.open(directory.resolve("second"))) {
            assertThatThrownBy(() -> bytes(child))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining(wanted)
                    .hasMessageContaining(directory.toString());
        }
        assertThat(
                        ImageVerifier.verify(
                                        directory.resolve("second"), ImageVerifier.Progress.NONE)
                                .damages())
                .singleElement()
                .asString()
                .contains(wanted);
        assertThat(
                        ImageVerifier.verify(
                                        directory.resolve("second"),
                                        List.of(elsewhere),
                                        ImageVerifier.Progress.NONE)
                                .intact())
                .isTrue();
        assertThatThrownBy(
                        () ->
                                ImageWriter.createChild(
                                        elsewhere.resolve("third"), directory.resolve("second")))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining(wanted);
        assertThat(elsewhere.toFile().list()).containsExactly("another-name");
    }

    @Test
    void damageOfAParentsPageIsFoundInTheChild() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        first.write(directory.resolve("first"));
        writeChild(changed(first), "second", "first");
        try (ImageReader child = ImageReader.open(directory.resolve("second"))) {
            long shared = 0;
            while (!isShared(child, shared)) {
                shared++;
            }
            flip(directory.resolve("first/pages"), shared * PAGE * 8 + random.nextInt(PAGE * 8));
            long address = child.locator().address(shared);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment into = arena.allocate(PAGE, PAGE);
                assertThatThrownBy(
                                () -> child.read(new AddressRange(address, address + PAGE), into))
                        .isInstanceOf(ImageFormatException.class)
                        .hasMessageContaining("is damaged");
            }
            assertThatThrownBy(
                            () ->
                                    ImageMerge.merge(
                                            child,
                                            directory.resolve("merged"),
                                            ImageMerge.Progress.NONE))
                    .isInstanceOf(ImageFormatException.class);
            assertThat(directory.resolve("merged")).doesNotExist();
        }
        assertThat(
                        ImageVerifier.verify(
                                        directory.resolve("second"), ImageVerifier.Progress.NONE)
                                .damages())
                .singleElement()
                .asString()
                .contains("in the parent");
    }

    @Test
    void everyFlippedBitOfAChildIsFound() throws IOException {
        SampleImage first = SampleImage.random(random, 24);
        first.write(directory.resolve("first"));
        writeChild(changed(first), "second", "first");
        for (String file : List.of("manifest.json", "index", "pages")) {
            Path path = directory.resolve("second").resolve(file);
            long bits = Files.size(path) * 8;
            for (int round = 0; round < 300; round++) {
                long bit = random.nextLong(bits);
                flip(path, bit);
                assertThat(
                                ImageVerifier.verify(
                                                directory.resolve("second"),
                                                ImageVerifier.Progress.NONE)
                                        .damageCount())
                        .as("bit %d of %s", bit, file)
                        .isPositive();
                flip(path, bit);
            }
        }
    }

    @Test
    void aParentIsNotRemovedFromUnderItsChild() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        first.write(directory.resolve("first"));
        writeChild(changed(first), "second", "first");
        ImageStore store = ImageStore.open(directory);
        assertThatThrownBy(() -> store.remove("first")).hasMessageContaining("second");
        assertThat(directory.resolve("first")).exists();
        store.remove("second");
        store.remove("first");
        assertThat(directory).isEmptyDirectory();
    }

    /** Of one instant they have one root hash, by which a child must not find itself. */
    @Test
    void imagesOfOneInstantAreNotTheirOwnParents() throws IOException {
        SampleImage sample = SampleImage.random(random, PAGES);
        sample.write(directory.resolve("whole"));
        writeChild(sample, "b", "whole");
        writeChild(sample, "a", "b");
        for (String name : List.of("a", "b", "whole")) {
            assertThat(
                            ImageVerifier.verify(
                                            directory.resolve(name), ImageVerifier.Progress.NONE)
                                    .damages())
                    .as(name)
                    .isEmpty();
        }
    }

    @Test
    void aChildWhoseParentWasRemovedMeanwhileIsNotPublished() throws IOException {
        SampleImage first = SampleImage.random(random, PAGES);
        SampleImage second = changed(first);
        first.write(directory.resolve("first"));
        try (ImageWriter writer =
                ImageWriter.createChild(directory.resolve("second"), directory.resolve("first"))) {
            writer.begin(second.layout);
            writer.accept(second.batch());
            ImageStore.open(directory).remove("first");
            assertThatThrownBy(() -> writer.finish(second.ending()))
                    .isInstanceOf(ParentMissingException.class)
                    .hasMessageContaining("was removed meanwhile");
        }
        assertThat(directory.resolve("second")).doesNotExist();
    }

    private boolean isShared(ImageReader image, long ordinal) throws IOException {
        ByteBuffer record = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        image.records().copy(ordinal, 1, record);
        return record.getLong(0) == PageKind.IN_PARENT.code();
    }

    /** Other bytes in every tenth page or so, and some pages of another kind. */
    private SampleImage changed(SampleImage before) {
        byte[] bytes = before.bytes.clone();
        PageKind[] kinds = before.kinds.clone();
        for (int page = 0; page < kinds.length; page++) {
            if (kinds[page] == PageKind.LOST || random.nextInt(10) > 0) {
                continue;
            }
            kinds[page] = random.nextBoolean() ? PageKind.DATA : PageKind.ZERO;
            byte[] content = new byte[PAGE];
            if (kinds[page] == PageKind.DATA) {
                random.nextBytes(content);
            }
            System.arraycopy(content, 0, bytes, page * PAGE, PAGE);
        }
        return new SampleImage(before.layout, before.missing, kinds, bytes);
    }

    private static long dataPages(SampleImage sample) {
        return Arrays.stream(sample.kinds).filter(kind -> kind == PageKind.DATA).count();
    }

    private static long differing(SampleImage before, SampleImage after) {
        long count = 0;
        for (int page = 0; page < after.kinds.length; page++) {
            boolean same =
                    Arrays.equals(
                            before.bytes,
                            page * PAGE,
                            (page + 1) * PAGE,
                            after.bytes,
                            page * PAGE,
                            (page + 1) * PAGE);
            count +=
                    after.kinds[page] == PageKind.DATA
                                    && !(same && before.kinds[page] == PageKind.DATA)
                            ? 1
                            : 0;
        }
        return count;
    }

    private void writeChild(SampleImage sample, String name, String parent) throws IOException {
        try (ImageWriter writer =
                ImageWriter.createChild(directory.resolve(name), directory.resolve(parent))) {
            writer.begin(sample.layout);
            writer.accept(sample.batch());
            writer.finish(sample.ending());
        }
    }

    private String rootHash(String name) throws IOException {
        try (ImageReader reader = ImageReader.open(directory.resolve(name))) {
            return HexFormat.of().formatHex(reader.rootHash());
        }
    }

    private static byte[] bytes(ImageReader image) throws IOException {
        long start = image.layout().regions().getFirst().range().start();
        long end = image.layout().regions().get(1).range().end();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(end - start, PAGE);
            image.read(new AddressRange(start, end), into);
            return into.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static void flip(Path file, long bit) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(bit / 8);
            int old = bytes.read();
            bytes.seek(bit / 8);
            bytes.write(old ^ (1 << (bit % 8)));
        }
    }
}
