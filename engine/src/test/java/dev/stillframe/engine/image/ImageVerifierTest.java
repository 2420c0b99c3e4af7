package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.PageKind;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageVerifierTest {
    private static final int PAGE = SampleImage.PAGE;

    @TempDir Path directory;
    private Path image = Path.of("");

    @BeforeEach
    void name() {
        image = directory.resolve("image");
    }

    @Test
    void anImageAsItWasWrittenIsIntact() throws IOException {
        SampleImage sample = SampleImage.random(Seed.random(), 2500); // more than one step
        sample.write(image);
        List<Long> progress = new ArrayList<>();
        Verification result =
                ImageVerifier.verify(
                        image,
                        (done, total) -> {
                            assertThat(total).isEqualTo(2500L * PAGE);
                            progress.add(done);
                        });
        assertThat(result.damages()).isEmpty();
        assertThat(result.intact()).isTrue();
        assertThat(result.pages()).isEqualTo(2500);
        long data = List.of(sample.kinds).stream().filter(kind -> kind == PageKind.DATA).count();
        assertThat(result.dataPages()).isEqualTo(data);
        assertThat(progress).isSorted().endsWith(2500L * PAGE);
    }

    @Test
    void everyFlippedBitIsFound() throws IOException {
        Random random = Seed.random();
        SampleImage.random(random, 24).write(image);
        for (String file : List.of("manifest.json", "index", "pages")) {
            Path path = image.resolve(file);
            long bits = Files.size(path) * 8;
            for (int round = 0; round < 400; round++) {
                long bit = random.nextLong(bits);
                flip(path, bit);
                assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damageCount())
                        .as("bit %d of %s", bit, file)
                        .isPositive();
                flip(path, bit);
            }
        }
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
    }

    @Test
    void everyBitOfTheHeaderCounts() throws IOException {
        SampleImage.tiny().write(image);
        for (long bit = 0; bit < 128 * 8; bit++) {
            flip(image.resolve("index"), bit);
            assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).intact())
                    .as("bit %d", bit)
                    .isFalse();
            flip(image.resolve("index"), bit);
        }
    }

    @Test
    void aDamagedPageIsNamedWithItsAddressAndRegion() throws IOException {
        SampleImage.tiny().write(image);
        flip(image.resolve("pages"), 0);
        flip(image.resolve("pages"), PAGE * 8L); // the second page is a zero page
        Verification result = ImageVerifier.verify(image, ImageVerifier.Progress.NONE);
        assertThat(result.damages().stream().map(Verification.Damage::toString))
                .containsExactly(
                        "page 0 (10000000-10001000, [heap]): its bytes do not have the recorded"
                                + " hash",
                        "page 1 (10001000-10002000, [heap]): its place in the page file is not"
                                + " zero, though nothing is stored");
    }

    @Test
    void aDamagedIndexIsFoundTwice() throws IOException {
        SampleImage.tiny().write(image);
        flip(image.resolve("index"), (128 + 24) * 8L + 1); // kind 1 becomes 3, lost
        Verification result = ImageVerifier.verify(image, ImageVerifier.Progress.NONE);
        assertThat(result.damages()).hasSize(2);
        assertThat(result.damages().getFirst().problem())
                .contains("not in the list of what is missing");
        assertThat(result.damages().getLast().problem()).contains("the root hash is");
    }

    @Test
    void theListIsBoundedAndTheCountIsNot() throws IOException {
        SampleImage sample = SampleImage.random(Seed.random(), 2000);
        sample.write(image);
        for (int page = 0; page < 2000; page++) {
            flip(image.resolve("pages"), (long) page * PAGE * 8);
        }
        Verification result = ImageVerifier.verify(image, ImageVerifier.Progress.NONE);
        assertThat(result.damageCount()).isEqualTo(2000);
        assertThat(result.damages()).hasSize(Verification.MAX_LISTED);
    }

    private static void flip(Path file, long bit) throws IOException {
        try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
            access.seek(bit / 8);
            int value = access.read();
            access.seek(bit / 8);
            access.write(value ^ 1 << (bit % 8));
        }
    }
}
