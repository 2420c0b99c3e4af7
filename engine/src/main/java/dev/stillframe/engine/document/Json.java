package dev.stillframe.engine.document;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.jspecify.annotations.Nullable;

/**
 * The one JSON form of layouts and manifests: compact, properties in the order of the record's
 * components, in snake_case; byte arrays as base64. The root hash is taken over it, so it must
 * never change within a format version. Reading is strict and bounded, because the text may come
 * from a hostile peer.
 */
public final class Json {
    /** The longest string; base64, which becomes bytes as it is read, may be longer. */
    private static final int MAX_STRING_CHARS = 1 << 20;

    /** Thread-safe. */
    public static final JsonMapper MAPPER =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(16)
                                                    .maxStringLength(MAX_STRING_CHARS)
                                                    .maxNameLength(256)
                                                    .build())
                                    .build())
                    .annotationIntrospector(new Strict())
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
                    .build();

    private static final JsonFactory SCANNER =
            MAPPER.getFactory()
                    .rebuild()
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .build();

    private Json() {}

    /**
     * Reads a document, which has to be in UTF-8. What it takes is for the caller to limit, see
     * {@link DocumentWeight}.
     */
    public static <T> @Nullable T read(InputStream in, Class<T> type) throws IOException {
        try (Reader text = text(in)) {
            return MAPPER.readValue(text, type);
        } catch (CharacterCodingException e) {
            throw noText(e);
        }
    }

    /**
     * The text of a document. The parser would take other encodings too, which {@link
     * DocumentWeight} cannot read.
     */
    public static Reader text(InputStream in) {
        return new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder());
    }

    /**
     * The decoder has an exception of its own for bytes that are no text; they are no JSON either.
     */
    public static JsonParseException noText(CharacterCodingException cause) {
        return new JsonParseException(null, "not UTF-8: " + cause.getMessage(), cause);
    }

    /**
     * Goes through a document without keeping anything of it, not even names.
     *
     * @throws IOException from its methods if the document is not in UTF-8
     */
    public static JsonParser scan(InputStream in) throws IOException {
        return SCANNER.createParser(text(in));
    }

    /** SHA-256 of the JSON of a value, which is never in memory as a whole. */
    public static byte[] digest(Object value) throws IOException {
        return digested(MAPPER.writer(), value).sha256();
    }

    /** Length of the JSON of a value in bytes. */
    public static long length(Object value) throws IOException {
        return digested(MAPPER.writer(), value).bytes();
    }

    /**
     * What is to be known of a text before it is written.
     *
     * @param sha256 of its bytes
     * @param bytes how many they are
     */
    public record Digested(byte[] sha256, long bytes) {}

    /** The same of the text that {@code writer} makes. */
    public static Digested digested(ObjectWriter writer, Object value) throws IOException {
        MessageDigest digest = sha256();
        try (CountingStream out =
                new CountingStream(
                        new DigestOutputStream(OutputStream.nullOutputStream(), digest))) {
            writer.writeValue(out, value);
            return new Digested(digest.digest(), out.count());
        }
    }

    /** A new one. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    /** A component must be there, unless it says how it is left out. */
    private static final class Strict extends JacksonAnnotationIntrospector {
        private static final long serialVersionUID = 1;

        @Override
        public Boolean hasRequiredMarker(AnnotatedMember member) {
            return !member.hasAnnotation(JsonInclude.class);
        }
    }
}
