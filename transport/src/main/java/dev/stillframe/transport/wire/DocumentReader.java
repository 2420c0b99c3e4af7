package dev.stillframe.transport.wire;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.SequenceInputStream;
import java.nio.charset.CharacterCodingException;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The JSON documents of a session. What is made of them has to be bounded before, which {@link
 * DocumentParts} does. Stateless.
 */
public final class DocumentReader {
    private DocumentReader() {}

    /**
     * A layout in parts.
     *
     * @throws JsonProcessingException if that is not what it is
     */
    public static Layout layout(List<byte[]> parts) throws IOException {
        try (JsonParser parser = parser(parts)) {
            Layout layout = Json.MAPPER.readValue(parser, Layout.class);
            return checked(layout, parser);
        } catch (CharacterCodingException e) {
            throw Json.noText(e);
        }
    }

    /**
     * A list of what is missing in parts.
     *
     * @throws JsonProcessingException if that is not what it is
     */
    public static List<Missing> missing(List<byte[]> parts) throws IOException {
        try (JsonParser parser = parser(parts)) {
            List<Missing> missing = Json.MAPPER.readValue(parser, new TypeReference<>() {});
            if (checked(missing, parser).stream().anyMatch(Objects::isNull)) {
                throw new JsonParseException(parser, "an entry is null");
            }
            return missing;
        } catch (CharacterCodingException e) {
            throw Json.noText(e);
        }
    }

    /** The word null is a value of every type. */
    private static <T> T checked(@Nullable T value, JsonParser parser) throws IOException {
        if (value == null) {
            throw new JsonParseException(parser, "the document is null");
        }
        return value;
    }

    private static JsonParser parser(List<byte[]> parts) throws IOException {
        return Json.MAPPER
                .getFactory()
                .createParser(
                        Json.text(
                                new SequenceInputStream(
                                        Collections.enumeration(
                                                parts.stream()
                                                        .map(ByteArrayInputStream::new)
                                                        .toList()))));
    }
}
