package dev.stillframe.tests.fuzz;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.stillframe.engine.image.Headers;
import dev.stillframe.engine.page.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Journals of images that arrive. Bits of the first byte: the format and the key are right in slot
 * 0, in slot 1, the checksum is right in slot 0, in slot 1, the length of the file is right. The
 * entries of both slots follow.
 */
class JournalFuzzTest {
    private static final int SLOT_BYTES = 4096;
    private static final int FILE_BYTES = 2 * SLOT_BYTES;
    private static final int ENTRY_BYTES = 112;
    private static final int FORMAT = 2;
    private static final int KEY_AT = 32;
    private static final int CHECKED_BYTES = 96;
    private static final byte[] KEY = "the key of the one right sender.".getBytes(US_ASCII);
    private static final Budget BUDGET = new Budget(256 << 10, 1, Duration.ofSeconds(1));
    private static final Path FILE = Scratch.directory().resolve("session");

    static Stream<byte[]> seeds() {
        byte[] second = new byte[1 + 2 * ENTRY_BYTES];
        second[0] = 31;
        second[9] = 2;
        second[17] = 5;
        second[25] = 40;
        second[9 + ENTRY_BYTES] = 3;
        second[17 + ENTRY_BYTES] = 7;
        second[25 + ENTRY_BYTES] = 41;
        return Stream.of(new byte[] {31}, new byte[] {21}, second);
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(JournalFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void aJournalSaysHowFarOrNothing(byte[] input) throws IOException {
        Files.write(FILE, file(input));
        Optional<Checkpoint> known = BUDGET.spend(FILE_BYTES, JournalFuzzTest::read);
        if (known.isEmpty()) {
            return;
        }
        Checkpoint found = known.get();
        assertThat(found.batches()).isNotNegative();
        assertThat(found.pages()).isNotNegative();
        Checkpoint next = new Checkpoint(4711, 4712);
        Headers.journal(FILE, KEY, next);
        assertThat(read()).as("what was written last").contains(next);
    }

    private static Optional<Checkpoint> read() throws IOException {
        return Headers.journal(FILE, KEY);
    }

    private static byte[] file(byte[] input) {
        int flags = input.length == 0 ? 0 : input[0];
        byte[] file = new byte[(flags & 16) == 0 ? input.length : FILE_BYTES];
        for (int i = 1; i < input.length; i++) {
            int at = (i - 1) / ENTRY_BYTES * SLOT_BYTES + (i - 1) % ENTRY_BYTES;
            if (at < file.length) {
                file[at] = input[i];
            }
        }
        for (int slot = 0; slot < 2 && file.length == FILE_BYTES; slot++) {
            int at = slot * SLOT_BYTES;
            if ((flags & 1 << slot) != 0) {
                file[at] = FORMAT;
                System.arraycopy(KEY, 0, file, at + KEY_AT, KEY.length);
            }
            if ((flags & 4 << slot) != 0) {
                byte[] checksum = Xxh3.of(file, at, CHECKED_BYTES);
                System.arraycopy(checksum, 0, file, at + CHECKED_BYTES, checksum.length);
            }
        }
        return file;
    }
}
