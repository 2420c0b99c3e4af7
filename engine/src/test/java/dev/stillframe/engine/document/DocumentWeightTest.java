package dev.stillframe.engine.document;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.type.TypeReference;
import com.sun.management.ThreadMXBean;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * What a document is said to take at most is what it takes at most, and a real one is not said to
 * take too much.
 */
class DocumentWeightTest {
    private static final int ELEMENTS = 20_000;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);

    private static long weight(byte[] document) {
        DocumentWeight weight = new DocumentWeight();
        weight.add(document, 0, document.length);
        return weight.heapBytes();
    }

    @Test
    void itDoesNotMatterInWhichPiecesADocumentComes() throws IOException {
        byte[] document = Json.MAPPER.writeValueAsBytes(layout(100));
        DocumentWeight pieces = new DocumentWeight();
        for (int at = 0; at < document.length; ) {
            int length = Math.min(document.length - at, 1 + random.nextInt(20));
            pieces.add(document, at, length);
            at += length;
        }
        assertThat(pieces.heapBytes()).as("seed %d", seed).isEqualTo(weight(document));
    }

    @Test
    void namesAreNotKept() {
        byte[] named = "{\"a_rather_long_name\":1,\"another\":2}".getBytes(StandardCharsets.UTF_8);
        byte[] nameless = "{\"\":1,\"\":2}".getBytes(StandardCharsets.UTF_8);
        assertThat(weight(named)).isEqualTo(weight(nameless));
    }

    @Test
    void textInsideOfStringsIsNoStructure() {
        byte[] document = "[\"{[,:\\\"{[\"]".getBytes(StandardCharsets.UTF_8);
        byte[] plain = "[\"aaaaaaaaaa\"]".getBytes(StandardCharsets.UTF_8);
        assertThat(weight(document)).isBetween(weight(plain) - 8, weight(plain) + 8);
    }

    /**
     * A million extents fit into the half of the default heap of the command, with the bytes that
     * they came in.
     */
    @Test
    void aMillionExtentsFitIntoAQuarterOfAGibibyte() throws IOException {
        byte[] document = Json.MAPPER.writeValueAsBytes(layout(ELEMENTS));
        long each = (document.length + weight(document)) / ELEMENTS;
        assertThat(each * 1_000_000).isLessThan(256L << 20);
    }

    /**
     * What stays is counted by hand: headers, fields, places in the lists and in the tables that
     * are made of them.
     */
    @Test
    void whatStaysIsNeverMoreThanWasSaid() throws IOException {
        String small = "\"a\",".repeat(ELEMENTS) + "\"a\"";
        checkStrings(small, ELEMENTS, 24 + 24 + 4 + 4 + 4);
        checkStrings(small.replace("\"a\"", "1"), ELEMENTS, 24 + 24 + 4 + 4 + 4);
        checkStrings(small.replace("\"a\"", "\"\u20ac\""), ELEMENTS, 24 + 24 + 4 + 4 + 4);
        String wide = "\"" + "a".repeat(1000) + "\u20ac\"";
        checkStrings(wide + ("," + wide).repeat(99), 100, 24 + 16 + 2002 + 12);
        byte[] missing =
                ("["
                                + "{\"range\":{\"start\":0,\"end\":1},\"reason\":\"\"},"
                                        .repeat(ELEMENTS)
                                + "{\"range\":{\"start\":0,\"end\":1},\"reason\":\"\"}]")
                        .getBytes(StandardCharsets.UTF_8);
        assertThat(Json.MAPPER.<List<Missing>>readValue(missing, new TypeReference<>() {}))
                .hasSize(ELEMENTS + 1);
        assertThat(weight(missing))
                .isGreaterThan((24L + 32 + 24 + 16 + 4 + 4 + 4 + 8 + 8 + 4) * ELEMENTS);
        assertThat(weight(Json.MAPPER.writeValueAsBytes(layout(ELEMENTS))))
                .isGreaterThan((40L + 4 + 4 + 4 + 8 + 8 + 4) * ELEMENTS);
    }

    private static void checkStrings(String elements, int count, long bytesEach)
            throws IOException {
        byte[] document = ("[" + elements + "]").getBytes(StandardCharsets.UTF_8);
        List<String> read = Json.MAPPER.readValue(document, new TypeReference<>() {});
        assertThat(read.size()).isBetween(count, count + 1);
        assertThat(weight(document)).isGreaterThanOrEqualTo(bytesEach * count);
    }

    /** Base64 is bytes at once: no text of it is made, however long it is. */
    @Test
    void bytesAreReadWithoutTheirText() throws IOException {
        byte[] blob = new byte[8 << 20];
        byte[] document =
                ("\"" + Base64.getEncoder().encodeToString(blob) + "\"")
                        .getBytes(StandardCharsets.US_ASCII);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        byte[] read = Json.read(new ByteArrayInputStream(document), byte[].class);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(read).isEqualTo(blob);
        assertThat(allocated).isLessThan(weight(document) + (1 << 20));
    }

    private static Layout layout(int extents) {
        List<Extent> all = new ArrayList<>();
        for (int i = 0; i < extents; i++) {
            all.add(new Extent(2_000_000_000L + 2L * i, 1, i));
        }
        AddressRange range = new AddressRange(0, (2_000_000_000L + 2L * extents) * 4096);
        Region region = new Region(range, "rw-p", RegionKind.ANONYMOUS, "", 0, null, all);
        Source source =
                new Source(1, 1, 1, 1, 0, 0, "x", List.of("x"), "/x", "host", "x86_64", "6.18");
        return new Layout(4096, 1, source, new byte[8], List.of(), List.of(region));
    }
}
