package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.Manifests;
import java.io.IOException;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Manifests of images. */
class ManifestFuzzTest {
    private static final Budget BUDGET = new Budget(512 << 10, 512, Duration.ofSeconds(1));

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(ManifestFuzzTest.class);
    }

    @MethodSource("found")
    @FuzzTest
    void aManifestOrAFormatException(byte[] text) throws IOException {
        byte[] encoded;
        try {
            encoded = BUDGET.spend(text.length, () -> Manifests.again(text));
        } catch (ImageFormatException e) {
            return; // says that it is damaged
        }
        assertThat(Manifests.again(encoded)).isEqualTo(encoded);
    }
}
