package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.Manifests;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.Missing;

import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/** Manifests of images. */
class ManifestFuzzTest {
    private static final Budget BUDGET = new Budget(512 << 10, 512, Duration.ofSeconds(1));

    static Stream<byte[]> seeds() throws IOException {
        List<Missing> missing = List.of(new Missing(new AddressRange(0x1000, 0x2000), "lost"));
        return Stream.of(
                Manifests.of(SampleLayouts.full(), missing, "0123456789abcdef".repeat(4)),
                Manifests.of(SampleLayouts.plain(3), List.of(), "0".repeat(64)));
    }

    @MethodSource("seeds")
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
