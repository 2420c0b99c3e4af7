package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;

class ManifestTest {
    private static final Path FILE = Path.of("manifest.json");

    private static String text() throws Exception {
        SampleImage sample = SampleImage.random(new Random(1), 9);
        Manifest manifest = new Manifest(1, sample.layout, null, sample.missing, "0".repeat(64));
        return new String(manifest.encode(), StandardCharsets.UTF_8);
    }

    @Test
    void whatWasWrittenIsRead() throws Exception {
        Manifest read = Manifest.decode(text().getBytes(StandardCharsets.UTF_8), FILE);
        assertThat(new String(read.encode(), StandardCharsets.UTF_8)).isEqualTo(text());
    }

    /**
     * The text comes from a hostile peer's image: each change must be an error of the format,
     * nothing else.
     */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"format\" : 1|\"format\" : 2",
                "\"format\" : 1|\"format\" : null",
                "\"parent\" : null|\"parent\" : \"x\"",
                "\"page_size_bytes\" : 4096|\"page_size_bytes\" : 4097",
                "\"first_ordinal\" : 0|\"first_ordinal\" : 1",
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
        assertThatThrownBy(() -> Manifest.decode(changed, FILE))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("manifest.json is not a manifest");
    }

    @Test
    void theTextNullIsRefused() {
        byte[] text = "null".getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> Manifest.decode(text, FILE))
                .isInstanceOf(ImageFormatException.class);
    }
}
