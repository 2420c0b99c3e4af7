package dev.stillframe.transport.wire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;

import dev.stillframe.engine.page.Json;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.Missing;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.SequenceInputStream;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/**
 * The JSON documents of a session. The number of tokens is bounded, too, because a short token can
 * become an object many times its length: the worst document takes about 64 bytes of heap a token.
 * Stateless.
 */
public final class DocumentReader {
    /** A million extents, with room. */
    private static final long MAX_TOKENS = 10_000_000;

    private static final JsonFactory FACTORY = factory();

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
        } catch (CharConversionException e) {
            throw noText(e);
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
        } catch (CharConversionException e) {
            throw noText(e);
        }
    }

    /** The word null is a value of every type. */
    private static <T> T checked(@Nullable T value, JsonParser parser) throws IOException {
        if (value == null) {
            throw new JsonParseException(parser, "the document is null");
        }
        return value;
    }

    /** The parser has an exception of its own for bytes that are no text; they are no JSON either. */
    private static JsonParseException noText(CharConversionException cause) {
        return new JsonParseException(null, "not UTF-8: " + cause.getMessage(), cause);
    }

    private static JsonParser parser(List<byte[]> parts) throws IOException {
        return FACTORY.createParser(
                new SequenceInputStream(
                        Collections.enumeration(
                                parts.stream().map(ByteArrayInputStream::new).toList())));
    }

    private static JsonFactory factory() {
        JsonFactory factory = Json.MAPPER.getFactory();
        return factory.rebuild()
                .streamReadConstraints(
                        factory.streamReadConstraints().rebuild().maxTokenCount(MAX_TOKENS).build())
                .build();
    }
}
