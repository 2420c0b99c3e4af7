package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RawExportTest {
    private static final int PAGE = SampleImage.PAGE;
    private static final long HEAP = SampleImage.HEAP;
    private static final RawExport.Options STRICT = new RawExport.Options(false, false);
    private static final RawExport.Options LENIENT = new RawExport.Options(true, true);

    @TempDir Path directory;

    @Test
    void theFileHasTheBytesOfTheRange() throws IOException {
        SampleImage.tiny().write(directory.resolve("image"));
        Path file = directory.resolve("raw");
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            AddressRange range = new AddressRange(HEAP + 10, HEAP + PAGE + 20);
            assertThat(RawExport.write(reader, range, file, STRICT)).isEmpty();
        }
        byte[] expected = Arrays.copyOfRange(SampleImage.tiny().bytes, 10, PAGE + 20);
        assertThat(file).hasBinaryContent(expected);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(directory.toFile().list()).containsExactlyInAnyOrder("image", "raw");
    }

    @Test
    void missingPartsAreAnErrorUnlessAllowed() throws IOException {
        SampleImage sample = SampleImage.random(new Random(3), 50);
        sample.write(directory.resolve("image"));
        Path file = directory.resolve("raw");
        AddressRange device = sample.layout.regions().getLast().range();
        AddressRange around = new AddressRange(device.start() - PAGE, device.end());
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThatThrownBy(() -> RawExport.write(reader, around, file, STRICT))
                    .hasMessageContaining("2 parts are missing, the first")
                    .hasMessageContaining("nothing was mapped there");
            assertThat(file).doesNotExist();
            assertThat(RawExport.write(reader, around, file, LENIENT)).hasSize(2);
        }
        assertThat(file).hasBinaryContent(new byte[(int) around.sizeBytes()]);
    }

    @Test
    void whatExistsIsOnlyReplacedWhenAllowedAndOnlyIfItIsAFile() throws IOException {
        SampleImage.tiny().write(directory.resolve("image"));
        Path file = Files.writeString(directory.resolve("raw"), "precious");
        AddressRange range = new AddressRange(HEAP, HEAP + 4);
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThatThrownBy(() -> RawExport.write(reader, range, file, STRICT))
                    .hasMessageContaining("exists already");
            assertThat(file).hasContent("precious");
            RawExport.write(reader, range, file, LENIENT);
            assertThat(file).hasBinaryContent(new byte[] {1, 1, 1, 1});
            Path link = Files.createSymbolicLink(directory.resolve("link"), file);
            assertThatThrownBy(() -> RawExport.write(reader, range, link, LENIENT))
                    .hasMessageContaining("no regular file");
        }
    }

    @Test
    void aDamagedPageLeavesNoFile() throws IOException {
        SampleImage.tiny().write(directory.resolve("image"));
        Files.write(directory.resolve("image/pages"), new byte[2 * PAGE]);
        Path file = directory.resolve("raw");
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            AddressRange range = new AddressRange(HEAP, HEAP + PAGE);
            assertThatThrownBy(() -> RawExport.write(reader, range, file, STRICT))
                    .isInstanceOf(ImageFormatException.class);
        }
        assertThat(directory.toFile().list()).containsExactly("image");
    }
}
