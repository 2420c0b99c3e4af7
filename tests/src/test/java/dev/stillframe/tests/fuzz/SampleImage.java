package dev.stillframe.tests.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.image.Headers;
import dev.stillframe.engine.image.Manifests;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.FileReference;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The three files of an image as bytes. Not to be shared: the files are changed in place. */
final class SampleImage {
    static final int MANIFEST = 0;
    static final int INDEX = 1;
    static final int PAGES = 2;

    /** The names of the files, in the order above. */
    static final List<String> NAMES = List.of("manifest.json", "index", "pages");

    private static final int PAGE = 4096;
    private static final int HEADER_BYTES = 128;
    private static final int RECORD_BYTES = 24;
    private static final int DATA = 2;
    private static final int[] KINDS = {DATA, 1, 3, DATA, DATA}; // 1 is ZERO, 3 is LOST

    /** The files; an empty one may also stand for one that is not there. */
    final byte[][] files;

    private SampleImage(byte[][] files) {
        this.files = files;
    }

    /**
     * The image, and a file of 16 KiB of ones that it refers to, which is made in {@code
     * directory}.
     */
    static SampleImage in(Path directory) {
        try {
            byte[] ones = new byte[4 * PAGE];
            Arrays.fill(ones, (byte) 1);
            Path file = Files.write(directory.resolve("mapped"), ones);
            return of(
                    new FileReference(
                            file.toString(),
                            (long) Files.getAttribute(file, "unix:ino"),
                            Files.size(file),
                            Files.getLastModifiedTime(file).to(TimeUnit.NANOSECONDS),
                            null));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Five pages of all kinds in the layout {@link SampleLayouts#full}, which refers to a file. */
    private static SampleImage of(FileReference file) throws IOException {
        Layout layout = SampleLayouts.full(file);
        AddressRange lost = new AddressRange(0x10005000, 0x10006000);
        byte[] pages = new byte[KINDS.length * PAGE];
        byte[] index = new byte[HEADER_BYTES + KINDS.length * RECORD_BYTES];
        for (int page = 0; page < KINDS.length; page++) {
            index[HEADER_BYTES + page * RECORD_BYTES] = (byte) KINDS[page];
            if (KINDS[page] == DATA) {
                Arrays.fill(pages, page * PAGE, (page + 1) * PAGE, (byte) (page + 1));
            }
        }
        byte[] manifest = Manifests.of(layout, List.of(new Missing(lost, "lost")), "0".repeat(64));
        SampleImage image = new SampleImage(new byte[][] {manifest, index, pages});
        image.sealPages();
        image.sealRoot();
        image.sealHeader();
        return image;
    }

    /** The same files. */
    SampleImage copy() {
        return new SampleImage(Arrays.stream(files).map(byte[]::clone).toArray(byte[][]::new));
    }

    /** Records the right hashes of data pages. */
    void sealPages() {
        byte[] index = files[INDEX];
        for (int page = 0; (page + 1) * PAGE <= files[PAGES].length; page++) {
            int record = HEADER_BYTES + page * RECORD_BYTES;
            if (record + RECORD_BYTES <= index.length && index[record] == DATA) {
                byte[] hash = Xxh3.of(files[PAGES], page * PAGE, PAGE);
                System.arraycopy(hash, 0, index, record + Long.BYTES, hash.length);
            }
        }
    }

    /** States the right root hash, as far as the manifest can be read. */
    void sealRoot() throws IOException {
        JsonNode manifest;
        byte[] root;
        try {
            manifest = Json.MAPPER.readTree(files[MANIFEST]);
            Layout layout = Json.MAPPER.treeToValue(manifest.get("layout"), Layout.class);
            Missing[] missing = Json.MAPPER.treeToValue(manifest.get("missing"), Missing[].class);
            if (layout.pageCount() * RECORD_BYTES != files[INDEX].length - HEADER_BYTES) {
                return;
            }
            root = RootHash.of(layout, List.of(missing), this::copyRecords);
        } catch (IOException | RuntimeException e) {
            return; // a manifest that is none needs no seal
        }
        String stated = manifest.path("root_hash").asText();
        files[MANIFEST] =
                new String(files[MANIFEST], UTF_8)
                        .replace('"' + stated + '"', '"' + HexFormat.of().formatHex(root) + '"')
                        .getBytes(UTF_8);
    }

    private void copyRecords(long first, int count, ByteBuffer into) {
        into.put(files[INDEX], HEADER_BYTES + (int) first * RECORD_BYTES, count * RECORD_BYTES);
    }

    /** Makes the header right for the manifest, with the numbers of pages and bytes that it has. */
    void sealHeader() {
        byte[] index = files[INDEX];
        if (index.length < HEADER_BYTES) {
            return;
        }
        ByteBuffer old = ByteBuffer.wrap(index).order(ByteOrder.LITTLE_ENDIAN);
        boolean isNew = old.getInt(24) == 0;
        byte[] header =
                Headers.index(
                        isNew ? PAGE : old.getInt(24),
                        isNew ? KINDS.length : old.getLong(16),
                        files[MANIFEST]);
        System.arraycopy(header, 0, index, 0, HEADER_BYTES);
    }

    /** Writes the files of which {@code present} has the bit. */
    void write(Path directory, int present) throws IOException {
        Files.createDirectories(directory);
        for (int file = 0; file < files.length; file++) {
            Path path = directory.resolve(NAMES.get(file));
            if ((present & 1 << file) != 0) {
                Files.write(path, files[file]);
            } else {
                Files.deleteIfExists(path);
            }
        }
    }
}
