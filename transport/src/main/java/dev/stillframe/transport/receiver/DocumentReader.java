package dev.stillframe.transport.receiver;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.type.TypeReference;

import dev.stillframe.engine.page.Json;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.Missing;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.util.Collections;
import java.util.List;

/**
 * The JSON documents of a session. The number of tokens is bounded, too, because a short token can
 * become an object many times its length: the worst document takes about 64 bytes of heap a token.
 * Stateless.
 */
final class DocumentReader {
    /** A million extents, with room. */
    private static final long MAX_TOKENS = 10_000_000;

    private static final JsonFactory FACTORY = factory();

    private DocumentReader() {}

    static Layout layout(List<byte[]> parts) throws IOException {
        try (JsonParser parser = FACTORY.createParser(stream(parts))) {
            Layout layout = Json.MAPPER.readValue(parser, Layout.class);
            return checked(layout, parser);
        }
    }

    static List<Missing> missing(List<byte[]> parts) throws IOException {
        try (JsonParser parser = FACTORY.createParser(stream(parts))) {
            List<Missing> missing = Json.MAPPER.readValue(parser, new TypeReference<>() {});
            return checked(missing, parser);
        }
    }

    /** The word null is a value of every type. */
    private static <T> T checked(@Nullable T value, JsonParser parser) throws IOException {
        if (value == null) {
            throw new JsonParseException(parser, "the document is null");
        }
        return value;
    }

    private static InputStream stream(List<byte[]> parts) {
        return new SequenceInputStream(
                Collections.enumeration(parts.stream().map(ByteArrayInputStream::new).toList()));
    }

    private static JsonFactory factory() {
        JsonFactory factory = Json.MAPPER.getFactory();
        return factory.rebuild()
                .streamReadConstraints(
                        factory.streamReadConstraints().rebuild().maxTokenCount(MAX_TOKENS).build())
                .build();
    }
}
