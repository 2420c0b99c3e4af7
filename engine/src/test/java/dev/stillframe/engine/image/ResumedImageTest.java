package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.page.Checkpoint;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images that are taken up again: where they stand, whose they are, and what a crash may leave. */
class ResumedImageTest {
    private static final byte[] KEY = key(1);
    private static final byte[] OTHER = key(2);
    private static final int LARGEST_SECTOR = 4096;
    private static final int SLOT_BYTES = ImageJournal.SLOT_BYTES;

    @TempDir private Path directory;
    private final Random random = Seed.random();

    private static byte[] key(int fill) {
        byte[] key = new byte[ImageJournal.KEY_BYTES];
        Arrays.fill(key, (byte) fill);
        return key;
    }

    private Path image() {
        return directory.resolve("image");
    }

    @Test
    void pagesBehindTheCheckpointMayComeAgain() throws IOException {
        SampleImage sample = SampleImage.random(random, 300);
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            assertThat(writer.checkpoint()).isEqualTo(Checkpoint.START);
            writer.begin(sample.layout);
            accept(sample, writer, 0, 100);
            writer.checkpoint(new Checkpoint(1, 100));
            accept(sample, writer, 100, 200);
            writer.suspend();
        }
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            assertThat(writer.checkpoint()).isEqualTo(new Checkpoint(1, 100));
            writer.begin(sample.layout);
            accept(sample, writer, 100, 300);
            writer.finish(sample.ending());
        }
        assertThat(Files.readAllBytes(image().resolve("pages"))).isEqualTo(sample.bytes);
        assertThat(image().resolve(ImageFormat.SESSION)).doesNotExist();
        assertThat(directory.toFile().list()).containsExactly("image");
    }

    @Test
    void anotherKeyBeginsAnotherImage() throws IOException {
        SampleImage sample = SampleImage.random(random, 20);
        try (ImageWriter first = ImageWriter.createOrResume(image(), KEY)) {
            first.begin(sample.layout);
            accept(sample, first, 0, 10);
            first.checkpoint(new Checkpoint(1, 10));
            first.suspend();
        }
        try (ImageWriter second = ImageWriter.createOrResume(image(), OTHER)) {
            assertThat(second.checkpoint()).isEqualTo(Checkpoint.START);
        }
        try (ImageWriter again = ImageWriter.createOrResume(image(), KEY)) {
            assertThat(again.checkpoint()).isEqualTo(new Checkpoint(1, 10));
        }
    }

    @Test
    void anAmendmentThatWasCutOffIsTakenUp() throws IOException {
        SampleImage tiny = SampleImage.tiny();
        Layout before =
                SampleImage.layout(
                        List.of(),
                        List.of(
                                SampleImage.region(
                                        SampleImage.HEAP,
                                        2,
                                        RegionKind.ANONYMOUS,
                                        "[heap]",
                                        List.of(new Extent(0, 1, 0)))));
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            writer.begin(before);
            writer.accept(new RunsBatch().add(PageKind.ZERO, 0, 1));
            writer.checkpoint(new Checkpoint(1, 1));
            writer.suspend();
        }
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            assertThat(writer.checkpoint()).isEqualTo(new Checkpoint(1, 1));
            writer.begin(tiny.layout);
            accept(tiny, writer, 0, 2);
            writer.checkpoint(new Checkpoint(2, 3));
            writer.suspend();
        }
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            writer.begin(tiny.layout);
            writer.finish(tiny.ending());
        }
        assertThat(Files.readAllBytes(image().resolve("pages"))).isEqualTo(tiny.bytes);
    }

    /** A layout that amends nothing is known by the root hash at the latest. */
    @Test
    void pagesOfAnotherLayoutAreRefused() throws IOException {
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            SampleImage sample = SampleImage.random(random, 20);
            writer.begin(sample.layout);
            accept(sample, writer, 0, 20);
            writer.checkpoint(new Checkpoint(1, 20));
            writer.suspend();
        }
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            SampleImage other = SampleImage.random(random, 20);
            writer.begin(other.layout);
            assertThatThrownBy(() -> writer.finish(other.ending())).isInstanceOf(IOException.class);
        }
    }

    @Test
    void twoWritersOfOneImageAreOneTooMany() throws IOException {
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            writer.begin(SampleImage.random(random, 20).layout);
            assertThatThrownBy(() -> ImageWriter.createOrResume(image(), KEY))
                    .isInstanceOf(ImageBusyException.class)
                    .hasMessageContaining("in use");
        }
    }

    /** A power cut in the middle of an entry leaves the one before it. */
    @Test
    void anEntryThatIsCutShortIsNotThere() throws IOException {
        SampleImage sample = SampleImage.random(random, 60);
        Path journal = suspendedAt(sample, 20, 40);
        for (int at : List.of(0, 8, 16, 31, 64, 90, 111)) { // the last of it is its checksum
            byte[] whole = Files.readAllBytes(journal);
            flip(journal, SLOT_BYTES + at);
            try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
                assertThat(writer.checkpoint()).as("byte %d", at).isEqualTo(new Checkpoint(1, 20));
            }
            Files.write(journal, whole);
        }
        flip(journal, 0);
        flip(journal, SLOT_BYTES);
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            assertThat(writer.checkpoint()).as("nothing is left").isEqualTo(Checkpoint.START);
        }
    }

    /** A power cut can leave anything in the sector that was being written. */
    @Test
    void aSectorThatIsTornLeavesTheEntryBefore() throws IOException {
        SampleImage sample = SampleImage.random(random, 60);
        Path journal = suspendedAt(sample, 20, 40);
        byte[] whole = Files.readAllBytes(journal);
        for (int slot = 0; slot < 2; slot++) {
            byte[] torn = whole.clone();
            for (int at = 0; at < LARGEST_SECTOR; at++) {
                torn[slot * SLOT_BYTES / LARGEST_SECTOR * LARGEST_SECTOR + at] =
                        (byte) random.nextInt();
            }
            Files.write(journal, torn);
            try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
                assertThat(writer.checkpoint())
                        .as("without slot %d", slot)
                        .isIn(new Checkpoint(1, 20), new Checkpoint(2, 40));
            }
        }
    }

    /**
     * The image of that key is there, and cannot be taken up: to begin it again unasked could lose
     * what is there.
     */
    @Test
    void aJournalOfAnEarlierVersionIsRefusedToItsSender() throws IOException {
        Path partial = Files.createDirectory(directory.resolve("image.partial-00000001"));
        for (int slot = 0; slot < 2; slot++) {
            byte[] journal = new byte[4096];
            System.arraycopy(KEY, 0, journal, slot * 128 + 24, KEY.length);
            Files.write(partial.resolve(ImageFormat.SESSION), journal);
            assertThatThrownBy(() -> ImageWriter.createOrResume(image(), KEY))
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining("earlier version")
                    .hasMessageContaining("remove it");
            try (ImageWriter writer = ImageWriter.createOrResume(image(), OTHER)) {
                assertThat(writer.checkpoint()).isEqualTo(Checkpoint.START);
                assertThat(writer.partial()).isNotEqualTo(partial);
            }
        }
    }

    /** Whatever cannot be closed: the next attempt must not find the image busy. */
    @Test
    void aWriterThatCannotCloseAllLetsGoOfItsJournal() throws Exception {
        SampleImage sample = SampleImage.random(random, 60);
        ImageWriter writer = ImageWriter.createOrResume(image(), KEY);
        writer.begin(sample.layout);
        accept(sample, writer, 0, 20);
        writer.checkpoint(new Checkpoint(1, 20));
        Field contents = ImageWriter.class.getDeclaredField("contents");
        contents.setAccessible(true);
        ((ImageContents) contents.get(writer)).arena.close(); // the second time, it throws
        writer.close();
        try (ImageWriter again = ImageWriter.createOrResume(image(), KEY)) {
            assertThat(again.checkpoint()).isEqualTo(new Checkpoint(1, 20));
            again.begin(sample.layout);
            accept(sample, again, 20, 60);
            again.finish(sample.ending());
        }
        assertThat(Files.readAllBytes(image().resolve("pages"))).isEqualTo(sample.bytes);
    }

    /** The journal of an image with checkpoints at both pages. */
    private Path suspendedAt(SampleImage sample, int first, int second) throws IOException {
        try (ImageWriter writer = ImageWriter.createOrResume(image(), KEY)) {
            writer.begin(sample.layout);
            accept(sample, writer, 0, first);
            writer.checkpoint(new Checkpoint(1, first));
            accept(sample, writer, first, second);
            writer.checkpoint(new Checkpoint(2, second));
            writer.suspend();
            return writer.partial().resolve(ImageFormat.SESSION);
        }
    }

    private static void flip(Path file, int at) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, at);
            one.put(0, (byte) (one.get(0) ^ 1)).flip();
            channel.write(one, at);
        }
    }

    private static void accept(SampleImage sample, ImageWriter writer, int from, int end)
            throws IOException {
        int page = from;
        while (page < end) {
            int next = Math.min(end, sample.runEnd(page, 8));
            RunsBatch batch = new RunsBatch();
            sample.addRun(batch, page, next);
            writer.accept(batch);
            page = next;
        }
    }
}
