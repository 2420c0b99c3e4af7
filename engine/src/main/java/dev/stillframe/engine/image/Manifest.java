package dev.stillframe.engine.image;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectWriter;
import dev.stillframe.engine.document.DocumentWeight;
import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What {@code manifest.json} says. Immutable.
 *
 * @param format {@link ImageFormat#VERSION}
 * @param layout the instant without its pages
 * @param parent root hash of the image that has the pages which are not stored here; null if all
 *     are
 * @param missing what the image lacks; empty means complete
 * @param rootHash 64 hexadecimal digits in lower case
 */
record Manifest(
        int format,
        Layout layout,
        @Nullable String parent,
        List<Missing> missing,
        String rootHash) {
    private static final int STEP_BYTES = 64 << 10;

    Manifest {
        Objects.requireNonNull(layout, "layout");
        missing = List.copyOf(missing);
        if (format != ImageFormat.VERSION) {
            throw new IllegalArgumentException(
                    "format " + format + "; this program reads format " + ImageFormat.VERSION);
        }
        if (parent != null) {
            checkHash(parent);
        }
        checkHash(rootHash);
    }

    private static void checkHash(String hash) {
        if (!hash.matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("not a root hash: '" + hash + "'");
        }
    }

    /**
     * What is known of a manifest without the rest of it.
     *
     * @param rootHash 64 hexadecimal digits in lower case
     * @param parent the same of the image that has the pages which are not stored here; null if all
     *     are
     */
    record Head(String rootHash, @Nullable String parent) {}

    /**
     * SHA-256 of the file's bytes, which the header of the index holds.
     *
     * @throws ImageFormatException if there are more of them than a reader takes
     */
    byte[] digest() throws IOException {
        Json.Digested text = Json.digested(writer(), this);
        if (text.bytes() > ImageFormat.MAX_MANIFEST_BYTES) {
            throw new ImageFormatException(
                    "a manifest of %d bytes; the most allowed is %d"
                            .formatted(text.bytes(), ImageFormat.MAX_MANIFEST_BYTES));
        }
        return text.sha256();
    }

    /**
     * Writes the bytes of the file: JSON for people, with line feeds on every system. Leaves {@code
     * out} open.
     */
    void write(OutputStream out) throws IOException {
        writer().without(JsonGenerator.Feature.AUTO_CLOSE_TARGET).writeValue(out, this);
    }

    private static ObjectWriter writer() {
        DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
        printer.indentObjectsWith(indenter);
        printer.indentArraysWith(indenter);
        return Json.MAPPER.writer(printer);
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @param digest SHA-256 that the file's bytes must have
     * @param heap asked before anything is made of them
     */
    static Manifest load(Path file, byte[] digest, HeapAllowance heap) throws IOException {
        heap.take(file.toString(), check(file, digest));
        try (InputStream in = Files.newInputStream(file)) {
            return decode(in, file);
        }
    }

    /** Reads only what tells the image from others, whatever the size of the rest. */
    static Head head(Path file, byte[] digest) throws IOException {
        check(file, digest);
        try (JsonParser parser = Json.scan(Files.newInputStream(file))) {
            String rootHash = "";
            @Nullable String parent = null;
            boolean object = parser.nextToken() == JsonToken.START_OBJECT;
            while (object && parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "root_hash" -> rootHash = parser.getValueAsString("");
                    case "parent" -> parent = parser.getValueAsString();
                    default -> parser.skipChildren();
                }
            }
            checkHash(rootHash);
            return new Head(rootHash, parent);
        } catch (JsonProcessingException | CharacterCodingException | IllegalArgumentException e) {
            throw notOne(file, e);
        }
    }

    /** Goes through the file once: length and SHA-256. How much heap it can take. */
    private static long check(Path file, byte[] digest) throws IOException {
        MessageDigest found = Json.sha256();
        DocumentWeight weight = new DocumentWeight();
        byte[] step = new byte[STEP_BYTES];
        long length = 0;
        try (InputStream in = Files.newInputStream(file)) {
            for (int count = in.read(step); count >= 0; count = in.read(step)) {
                length += count;
                if (length > ImageFormat.MAX_MANIFEST_BYTES) {
                    throw new ImageFormatException(
                            "%s is longer than %d bytes, the most allowed"
                                    .formatted(file, ImageFormat.MAX_MANIFEST_BYTES));
                }
                found.update(step, 0, count);
                weight.add(step, 0, count);
            }
        }
        if (!Arrays.equals(found.digest(), digest)) {
            throw new ImageFormatException(
                    file + " is damaged: its SHA-256 is not the one in the header of the index");
        }
        return weight.heapBytes();
    }

    /** Reads the text; {@code file} is for messages. */
    static Manifest decode(InputStream in, Path file) throws IOException {
        try {
            return Objects.requireNonNull(Json.read(in, Manifest.class), "the text null");
        } catch (JsonProcessingException | NullPointerException | ArithmeticException e) {
            throw notOne(file, e);
        }
    }

    private static ImageFormatException notOne(Path file, Exception cause) {
        return new ImageFormatException(file + " is not a manifest: " + cause.getMessage(), cause);
    }
}
