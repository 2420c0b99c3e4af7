package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.Verification;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;

/**
 * Changes an image, verifies it and reads it. Not in the test's class, whose signatures are loaded
 * early.
 */
final class ImageTarget {
    /** An image is checked in steps, with buffers that do not depend on its size. */
    private static final Budget BUDGET = new Budget(4 << 20, 256, Duration.ofSeconds(2));

    private static final long READ_BYTES_MAX = 1 << 20;
    private static final int SEALED_HEADER = 4;

    private static final Path DIRECTORY = Scratch.directory();
    private static final Path IMAGE = DIRECTORY.resolve("image");
    private static final SampleImage INTACT = SampleImage.in(DIRECTORY);

    private ImageTarget() {}

    static void run(byte[] input) throws IOException {
        Cursor cursor = new Cursor(input);
        int seals = cursor.next();
        SampleImage image = INTACT.copy();
        int present = ImageEdits.apply(cursor, image);
        seal(image, seals);
        image.write(IMAGE, present);
        boolean changed = present != 7 || !Arrays.deepEquals(image.files, INTACT.files);
        int bytes = Arrays.stream(image.files).mapToInt(file -> file.length).sum();
        Verification verification =
                BUDGET.spend(bytes, () -> ImageVerifier.verify(IMAGE, ImageVerifier.Progress.NONE));
        boolean damaged = verification.damageCount() > 0;
        if ((seals & SEALED_HEADER) == 0 || !changed) {
            assertThat(damaged).as("found to be damaged").isEqualTo(changed);
        }
        BUDGET.spend(bytes, () -> read(image, damaged));
    }

    private static void seal(SampleImage image, int seals) throws IOException {
        if ((seals & 1) != 0) {
            image.sealPages();
        }
        if ((seals & 2) != 0) {
            image.sealRoot();
        }
        if ((seals & SEALED_HEADER) != 0) {
            image.sealHeader();
        }
    }

    /**
     * The number of regions. An image that is not damaged can be read, with the bytes of its pages.
     */
    private static int read(SampleImage image, boolean damaged) throws IOException {
        try (ImageReader reader = ImageReader.open(IMAGE);
                Arena arena = Arena.ofConfined()) {
            for (Region region : reader.layout().regions()) {
                try {
                    read(reader, region, arena);
                } catch (ImageFormatException e) {
                    assertThat(damaged).as("not damaged, but " + e).isTrue();
                }
            }
            return damaged ? 0 : checkPages(reader, image);
        } catch (ImageFormatException e) {
            assertThat(damaged).as("not damaged, but " + e).isTrue();
            return -1;
        }
    }

    private static void read(ImageReader reader, Region region, Arena arena) throws IOException {
        AddressRange range = region.range();
        reader.unavailable(range);
        read(reader, range.start(), range.end(), arena);
        read(reader, range.start() + range.sizeBytes() / 2, range.end(), arena);
    }

    private static void read(ImageReader reader, long start, long end, Arena arena)
            throws IOException {
        AddressRange part = new AddressRange(start, start + Math.min(end - start, READ_BYTES_MAX));
        reader.read(part, arena.allocate(part.sizeBytes()));
    }

    private static int checkPages(ImageReader reader, SampleImage image) throws IOException {
        int pageBytes = reader.layout().pageSizeBytes();
        int count = (int) reader.layout().pageCount();
        for (int page = 0; page < count; page++) {
            if (reader.kind(page) == PageKind.DATA) {
                byte[] hash = Xxh3.of(image.files[SampleImage.PAGES], page * pageBytes, pageBytes);
                assertThat(reader.hash(page)).isEqualTo(hash);
            }
        }
        return count;
    }
}
