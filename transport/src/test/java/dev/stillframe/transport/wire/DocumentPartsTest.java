package dev.stillframe.transport.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What a document takes is asked for before its parts are kept. */
class DocumentPartsTest {
    private static final byte[] STRINGS = "\"\",".repeat(1000).getBytes(StandardCharsets.US_ASCII);

    private final AtomicLong taken = new AtomicLong();

    @Test
    void theBytesAndWhatIsMadeOfThemAreAskedFor() throws IOException {
        DocumentParts parts = new DocumentParts("it", (_, bytes) -> taken.addAndGet(bytes));
        parts.add("[".getBytes(StandardCharsets.US_ASCII));
        parts.add(STRINGS);
        assertThat(taken.get())
                .isGreaterThan(STRINGS.length + 1000 * 100L); // a string and its place in a list
        assertThat(parts.take()).hasSize(2);
        assertThat(parts.take()).isEmpty();
    }

    /** Names of a document come again and again, and are not kept. */
    @Test
    void whatProvesToBeANameIsNotAskedForTwice() throws IOException {
        DocumentParts parts = new DocumentParts("it", (_, bytes) -> taken.addAndGet(bytes));
        for (int i = 0; i < 100; i++) {
            parts.add("\"a_name\"".getBytes(StandardCharsets.US_ASCII));
            parts.add(":1,".getBytes(StandardCharsets.US_ASCII));
        }
        assertThat(taken.get()).isLessThan(100 * 12L + 200);
    }

    @Test
    void aPartForWhichThereIsNoHeapIsNotKept() throws IOException {
        DocumentParts parts =
                new DocumentParts(
                        "it",
                        (what, bytes) -> {
                            if (taken.addAndGet(bytes) > 10_000) {
                                throw new IOException(what + " is too much");
                            }
                        });
        parts.add("[".getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> parts.add(STRINGS)).hasMessage("it is too much");
        assertThat(parts.take()).hasSize(1);
    }
}
