package dev.stillframe.engine.image;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;

import dev.stillframe.engine.page.Json;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.Missing;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Objects;

/**
 * What {@code manifest.json} says. Immutable.
 *
 * @param format {@link ImageFormat#VERSION}
 * @param layout the instant without its pages
 * @param parent root hash of the image that has the pages which are not stored here; null if all are
 * @param missing what the image lacks; empty means complete
 * @param rootHash 64 hexadecimal digits in lower case
 */
record Manifest(
        int format,
        Layout layout,
        @Nullable String parent,
        List<Missing> missing,
        String rootHash) {
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

    /** The bytes of the file: JSON for people, with line feeds on every system. */
    byte[] encode() throws JsonProcessingException {
        DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
        printer.indentObjectsWith(indenter);
        printer.indentArraysWith(indenter);
        return Json.MAPPER.writer(printer).writeValueAsBytes(this);
    }

    /** Reads what {@link #encode} wrote; {@code file} is for messages. */
    static Manifest decode(byte[] bytes, Path file) throws ImageFormatException {
        try {
            return Objects.requireNonNull(
                    Json.MAPPER.readValue(bytes, Manifest.class), "the text null");
        } catch (IOException | NullPointerException | ArithmeticException e) {
            throw new ImageFormatException(file + " is not a manifest: " + e.getMessage(), e);
        }
    }

    /** The whole file, refused when it is longer than {@link ImageFormat#MAX_MANIFEST_BYTES}. */
    static byte[] load(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes((int) ImageFormat.MAX_MANIFEST_BYTES + 1);
            if (bytes.length > ImageFormat.MAX_MANIFEST_BYTES) {
                throw new ImageFormatException(
                        file
                                + " is longer than "
                                + ImageFormat.MAX_MANIFEST_BYTES
                                + " bytes, the most allowed");
            }
            return bytes;
        }
    }

    /** SHA-256 of a manifest's bytes, which the header of the index holds. */
    static byte[] digest(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
