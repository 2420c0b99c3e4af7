package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.tests.target.OracleTarget;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/** An oracle's image on the disk. Stateless. */
public final class OracleImage {
    private OracleImage() {}

    /**
     * Fails unless the image is intact and of one instant.
     *
     * @param before what the writers had published when the snapshot began
     */
    public static void check(
            OracleTarget target, List<Long> before, Path image, SnapshotReport report)
            throws IOException {
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
        try (Arena arena = Arena.ofConfined();
                ImageReader reader = ImageReader.open(image)) {
            MemorySegment bytes = arena.allocate(target.region().sizeBytes(), Long.BYTES);
            assertThat(reader.read(target.region(), bytes)).isEmpty();
            SnapshotOracleTest.check(target, before, bytes, report);
        }
    }
}
