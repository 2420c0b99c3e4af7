package dev.stillframe.tests.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A small image whose files were changed. Bits of the first byte: page hashes, root hash, and the
 * header of the index are made right afterwards; what follows are {@link ImageEdits}.
 */
class ImageFuzzTest {
    static Stream<byte[]> seeds() {
        return Stream.of(
                edits(0),
                edits(7, 0, 10, 0, 1, ' '), // a byte of the manifest
                edits(7, 12, 3, 30, 0, 0), // a number in it
                edits(7, 12, 20, 62, 0, 0, 12, 21, 40, 5, 0),
                edits(7, 1, 128, 0, 1, 1), // a kind in the index
                edits(7, 2, 16, 0, 4, 1, 2, 3, 4), // a page
                edits(0, 2, 16, 0, 1, 1),
                edits(4, 10, 64, 1), // a cut index
                edits(4, 15), // no manifest
                edits(7, 5, 0, 16, 4, 1, 2, 3, 4)); // a longer page file
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(ImageFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void damagedOrReadableAsAWhole(byte[] input) throws IOException {
        ImageTarget.run(input);
    }

    private static byte[] edits(int... bytes) {
        byte[] edits = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            edits[i] = (byte) bytes[i];
        }
        return edits;
    }
}
