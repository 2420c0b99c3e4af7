package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.document.Json;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestTest {
    private static final Path FILE = Path.of("manifest.json");

    @TempDir private Path directory;

    private static String text() throws Exception {
        SampleImage sample = SampleImage.random(new Random(1), 9);
        Manifest manifest =
                new Manifest(
                        ImageFormat.VERSION, sample.layout, null, sample.missing, "0".repeat(64));
        return written(manifest);
    }

    private static String written(Manifest manifest) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        manifest.write(out);
        return out.toString(StandardCharsets.UTF_8);
    }

    private static Manifest decode(byte[] text) throws IOException {
        return Manifest.decode(new ByteArrayInputStream(text), FILE);
    }

    @Test
    void whatWasWrittenIsRead() throws Exception {
        Manifest read = decode(text().getBytes(StandardCharsets.UTF_8));
        assertThat(written(read)).isEqualTo(text());
        assertThat(read.digest())
                .isEqualTo(Json.sha256().digest(text().getBytes(StandardCharsets.UTF_8)));
    }

    /** The heap is asked for before anything is made of the text. */
    @Test
    void aManifestThatTakesTooMuchIsNotRead() throws Exception {
        Path file = Files.writeString(directory.resolve("manifest.json"), text());
        byte[] digest = Json.sha256().digest(Files.readAllBytes(file));
        long[] asked = new long[1];
        assertThatThrownBy(
                        () ->
                                Manifest.load(
                                        file,
                                        digest,
                                        (what, heapBytes) -> {
                                            asked[0] = heapBytes;
                                            throw new IOException(what + " is too much");
                                        }))
                .isInstanceOf(IOException.class)
                .hasMessage(file + " is too much");
        assertThat(asked[0]).isGreaterThan(1000);
        assertThat(written(Manifest.load(file, digest, (_, _) -> {}))).isEqualTo(text());
    }

    @Test
    void theHeadIsReadWithoutTheRest() throws Exception {
        Path file = Files.writeString(directory.resolve("manifest.json"), text());
        byte[] digest = Json.sha256().digest(Files.readAllBytes(file));
        assertThat(Manifest.head(file, digest)).isEqualTo(new Manifest.Head("0".repeat(64), null));
        assertThatThrownBy(() -> Manifest.head(file, new byte[32]))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("damaged");
        Files.writeString(file, "[1, 2]");
        assertThatThrownBy(
                        () -> Manifest.head(file, Json.sha256().digest(Files.readAllBytes(file))))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("not a manifest");
    }

    /**
     * The parser would find out another encoding by itself, and nothing of what it takes would have
     * been counted.
     */
    @ParameterizedTest
    @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
    void textInAnotherEncodingIsRefused(String charset) throws Exception {
        byte[] changed = text().getBytes(Charset.forName(charset));
        assertThatThrownBy(() -> decode(changed))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("manifest.json is not a manifest");
    }

    /**
     * The text comes from a hostile peer's image: each change must be an error of the format,
     * nothing else.
     */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"format\" : 3|\"format\" : 2",
                "\"format\" : 3|\"format\" : null",
                "\"parent\" : null|\"parent\" : \"x\"",
                "\"page_size_bytes\" : 4096|\"page_size_bytes\" : 4097",
                "\"first_ordinal\" : 0|\"first_ordinal\" : -1",
                "\"kind\" : \"DEVICE\"|\"kind\" : null",
                "\"kind\" : \"DEVICE\"|\"kind\" : \"CLOUD\"",
                "\"name\" : \"[heap]\"|\"name\" : null",
                "\"machine\" : \"x86_64\"|\"machine\" : null",
                "\"protection\" : \"rw-p\"|\"protection\" : \"all\"",
                "\"file\" : null|\"file\" : null, \"more\" : 1",
                "\"reason\" : \"memory of a device\"|\"reason\" : null",
                "\"root_hash\" : \"0|\"root_hash\" : \"G"
            })
    void everyOtherTextIsRefused(String valid, String invalid) throws Exception {
        assertThat(text()).contains(valid);
        byte[] changed = text().replace(valid, invalid).getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> decode(changed))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("manifest.json is not a manifest");
    }

    @Test
    void theTextNullIsRefused() {
        byte[] text = "null".getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> decode(text)).isInstanceOf(ImageFormatException.class);
    }
}
