package dev.stillframe.tests.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Encoded batches of a hostile sender: a few of them on one lane, as {@link EncodedBatches} makes
 * them of an input.
 */
class BatchDecoderFuzzTest {
    static Stream<byte[]> seeds() {
        return Stream.of(
                // kept pages, then two of them by name, a pattern, a difference
                bytes(2, 4, 1, 2, 3, 1, 2, 10, 2, 2, 0, 0, 0, 0, 1, 0, 0, 0),
                bytes(1, 4, 1, 1, 0, 1, 9, 1, 1, 2, 3, 4, 5, 6, 7, 8),
                bytes(
                        1, 4, 1, 1, 0, 1, 21, 3, 0, 0, 0, 0, 12, 0, 0, 0, 1, 0, 1, 0, 9, 9, 9, 9, 9,
                        9, 9, 9),
                bytes(0, 2, 9, 1, 1, 2, 3, 4, 5, 6, 7, 8),
                bytes(0, 3, 9, 1, 1, 2, 3, 4, 5, 6, 7, 8),
                // contents that are not compressed right
                bytes(2, 130, 9, 1, 0, 0, 0, 1, 2, 3, 4, 5),
                bytes(2, 131, 9, 9, 0, 0, 0, 40, 181, 47, 253, 32, 1, 9, 0, 0, 7));
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(BatchDecoderFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void pagesOrAProtocolException(byte[] input) {
        EncodedBatches.run(input);
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }
}
