package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.BlindView;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The order matters, and the oracle sees it: an engine that unprotects a page and copies it then
 * takes torn images. The whole engine, with only those two steps exchanged; and with the look that
 * would notice it, it lists such pages.
 */
@Timeout(180)
class UnprotectFirstTest {
    private static final long SIZE_BYTES = 64L << 20;
    private static final int ATTEMPTS = 20;

    @Test
    void whatIsNotProtectedWhenItIsCopiedIsListed() throws Exception {
        try (OracleTarget target =
                OracleTarget.start(Settings.of("anon", SIZE_BYTES, 1), Seed.value())) {
            MemoryImage image = new MemoryImage();
            try {
                SnapshotReport report =
                        Snapshots.takeBetween(target.pid(), image, unprotectFirst(view -> view));
                long listed = report.missing().stream().mapToLong(m -> m.range().sizeBytes()).sum();
                assertThat(listed).isGreaterThan(SIZE_BYTES / 2);
            } finally {
                image.free();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void unprotectingBeforeTheCopyTearsTheImage(int threads) throws Exception {
        try (OracleTarget target =
                OracleTarget.start(Settings.of("anon", SIZE_BYTES, threads), Seed.value())) {
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.takeBetween(target.pid(), image, unprotectFirst(BlindView::new));
                    Optional<String> deviation =
                            OracleCheck.deviation(target.shape(), image.read(target.region()));
                    if (deviation.isPresent()) {
                        System.out.println("unprotect, then copy: " + deviation.get());
                        assertThat(target.process().isAlive()).isTrue();
                        return;
                    }
                } finally {
                    image.free();
                }
            }
        }
        throw new AssertionError(
                ATTEMPTS + " images in the wrong order all looked like one instant");
    }

    private static Snapshot.Seams unprotectFirst(UnaryOperator<ProtectionView> view) {
        return new Snapshot.Seams(
                Probe.NONE,
                (reader, userfaultfd) ->
                        (address, length, into) -> {
                            userfaultfd.unprotect(address, length);
                            return reader.read(address, length, into);
                        },
                view);
    }
}
