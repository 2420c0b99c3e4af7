package dev.stillframe.transport.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.transport.SampleImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

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

    /**
     * What it takes of the heap is known from its bytes alone, so only the encoding in which that
     * was counted is read.
     */
    @Test
    void anotherEncodingIsNotADocument() throws IOException {
        String json = Json.MAPPER.writeValueAsString(SampleImage.layout(10));
        List<byte[]> wide = List.of(json.getBytes(StandardCharsets.UTF_16BE));
        assertThatThrownBy(() -> DocumentReader.layout(wide))
                .isInstanceOf(JsonProcessingException.class);
        List<byte[]> broken = List.of(new byte[] {'"', (byte) 0xff, '"'});
        assertThatThrownBy(() -> DocumentReader.missing(broken))
                .isInstanceOf(JsonProcessingException.class)
                .hasMessageContaining("UTF-8");
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
