package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.stillframe.engine.image.Headers;
import dev.stillframe.engine.image.ImageFormatException;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Headers of indexes; the checksum is right if the byte behind the header is odd. */
class IndexHeaderFuzzTest {
    private static final int HEADER_BYTES = 128;
    private static final int CHECKED_BYTES = 112;
    private static final Budget BUDGET = new Budget(64 << 10, 1, Duration.ofSeconds(1));

    static Stream<byte[]> seeds() {
        byte[] header = Headers.index(4096, 5, new byte[3]);
        byte[] sealed = Arrays.copyOf(header, HEADER_BYTES + 1);
        sealed[HEADER_BYTES] = 1;
        return Stream.of(header, sealed);
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(IndexHeaderFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void aHeaderOrAFormatException(byte[] input) throws ImageFormatException {
        byte[] header = Arrays.copyOf(input, HEADER_BYTES);
        if (input.length > HEADER_BYTES && input[HEADER_BYTES] % 2 != 0) {
            System.arraycopy(Xxh3.of(header, 0, CHECKED_BYTES), 0, header, CHECKED_BYTES, 16);
        }
        byte[] encoded;
        try {
            encoded = BUDGET.spend(HEADER_BYTES, () -> Headers.indexAgain(header));
        } catch (ImageFormatException e) {
            return; // says that it is damaged
        }
        assertThat(Headers.indexAgain(encoded)).isEqualTo(encoded);
        assertThat(Arrays.mismatch(encoded, 24, 28, header, 24, 28)).as("page size").isEqualTo(-1);
        assertThat(Arrays.mismatch(encoded, 16, 24, header, 16, 24)).as("pages").isEqualTo(-1);
    }
}
