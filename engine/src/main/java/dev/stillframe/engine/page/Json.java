package dev.stillframe.engine.page;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;

/**
 * The one JSON form of layouts and manifests: compact, properties in the order of the record's components, in
 * snake_case; byte arrays as base64. The root hash is taken over it, so it must never change within a format
 * version. Reading is strict and bounded, because the text may come from a hostile peer.
 */
public final class Json {
    /** The longest string: what {@link Machine#MAX_DEVICES_BYTES} become as base64. */
    private static final int MAX_STRING_CHARS = Machine.MAX_DEVICES_BYTES / 3 * 4 + 4;

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

    private Json() {}

    /** A component must be there, unless it says how it is left out. */
    private static final class Strict extends JacksonAnnotationIntrospector {
        private static final long serialVersionUID = 1;

        @Override
        public Boolean hasRequiredMarker(AnnotatedMember member) {
            return !member.hasAnnotation(JsonInclude.class);
        }
    }
}
