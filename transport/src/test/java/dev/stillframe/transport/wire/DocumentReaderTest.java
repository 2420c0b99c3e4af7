package dev.stillframe.transport.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;

import dev.stillframe.engine.page.Json;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.transport.SampleImage;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class DocumentReaderTest {
    @Test
    void aLayoutInPartsIsTheLayout() throws IOException {
        Layout layout = SampleImage.layout(10);
        byte[] json = Json.MAPPER.writeValueAsBytes(layout);
        List<byte[]> parts = new ArrayList<>();
        for (int at = 0; at < json.length; at += 7) {
            parts.add(Arrays.copyOfRange(json, at, Math.min(json.length, at + 7)));
        }
        assertThat(Json.MAPPER.writeValueAsBytes(DocumentReader.layout(parts))).isEqualTo(json);
    }

    /** Two bytes of JSON could become an object of sixty. */
    @Test
    void moreTokensThanAnyLayoutHasAreRefused() {
        List<byte[]> parts = new ArrayList<>();
        parts.add("{\"source\":{\"arguments\":[".getBytes(StandardCharsets.US_ASCII));
        byte[] strings = "\"\",".repeat(200_000).getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < 60; i++) {
            parts.add(strings);
        }
        assertThatThrownBy(() -> DocumentReader.layout(parts))
                .isInstanceOf(JsonProcessingException.class)
                .hasMessageContaining("10000001");
    }

    @Test
    void nothingIsNotADocument() {
        List<byte[]> nothing = List.of("null".getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> DocumentReader.layout(nothing))
                .isInstanceOf(JsonProcessingException.class);
        assertThatThrownBy(() -> DocumentReader.missing(nothing))
                .isInstanceOf(JsonProcessingException.class);
    }
}
