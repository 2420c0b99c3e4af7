package dev.stillframe.tests.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.nativearena.NativeArena;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.emulated.Repeating;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.oracle.OracleShape;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.NativeProgram;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The kernel protects the memory of this very JVM, and a process of ours handles the faults. */
@Timeout(300)
class NativeArenaTest {
    private static final long SIZE_BYTES = 16L << 20;
    private static final int WRITERS = 2;

    private final OracleShape shape = new OracleShape(SIZE_BYTES, WRITERS, Seed.value());

    @Test
    void everyImageIsOneInstantWhileTheCollectorRuns() throws Exception {
        try (NativeArena arena = NativeArena.create("test", SIZE_BYTES);
                Writers writers = new Writers(shape, arena);
                Repeating _ = new Repeating("garbage", () -> collectAndLetWrite(writers))) {
            for (int turn = 0; turn < Campaign.turns(2, 50); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    ArenaReport report = arena.snapshot(image, ArenaOptions.DEFAULT);
                    assertThat(image.isPublished()).isTrue();
                    assertThat(image.ending().missing()).isEmpty();
                    assertThat(
                                    OracleCheck.deviation(
                                            shape, image.read(new AddressRange(0, SIZE_BYTES))))
                            .as("%s", report)
                            .isEmpty();
                    assertThat(report.epoch()).isEqualTo(turn + 1);
                } finally {
                    image.free();
                }
                writers.awaitProgress();
            }
        }
    }

    /** One collection after the other would leave nobody else a processor. */
    private static void collectAndLetWrite(Writers writers) throws Exception {
        System.gc();
        writers.awaitProgress();
    }

    @Test
    void aKilledHandlerFailsTheSnapshotAndTheNextHasAnother() throws Exception {
        try (NativeArena arena = NativeArena.create("test", SIZE_BYTES);
                Writers writers = new Writers(shape, arena)) {
            MemoryImage killing =
                    new MemoryImage() {
                        @Override
                        public void accept(PageBatch batch) throws IOException {
                            ProcessHandle handler =
                                    ProcessHandle.of(arena.handlerPid()).orElseThrow();
                            handler.destroyForcibly();
                            handler.onExit().join();
                            super.accept(batch);
                        }
                    };
            try {
                assertThatThrownBy(() -> arena.snapshot(killing, ArenaOptions.DEFAULT))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("ended with code 137");
                assertThat(killing.isPublished()).isFalse();
                assertThat(arena.handlerPid()).isEqualTo(-1);
            } finally {
                killing.free();
            }
            writers.awaitProgress();
            MemoryImage image = new MemoryImage();
            try {
                arena.snapshot(image, ArenaOptions.DEFAULT);
                assertThat(
                                OracleCheck.deviation(
                                        shape, image.read(new AddressRange(0, SIZE_BYTES))))
                        .isEmpty();
            } finally {
                image.free();
            }
        }
    }

    @Test
    void whatBelongsTogetherIsNotSplit() throws Exception {
        try (NativeArena arena = NativeArena.create("test", 16L << 20);
                Repeating _ = pairs(arena)) {
            for (int turn = 0; turn < Campaign.turns(5, 50); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    arena.snapshot(image, ArenaOptions.DEFAULT);
                    long first = word(image, 0);
                    assertThat(word(image, (16L << 20) - Long.BYTES)).isEqualTo(first);
                } finally {
                    image.free();
                }
            }
        }
    }

    @Test
    void anImageOnDiskIsRestored() throws Exception {
        Path path = NativeProgram.scratch().resolve("arena-" + System.nanoTime());
        try (NativeArena arena = NativeArena.create("test", 1L << 20)) {
            arena.putLong(8, 42);
            arena.putLong((1L << 20) - 8, 43);
            try (ImageWriter writer = ImageWriter.create(path)) {
                arena.snapshot(writer);
            }
            assertThat(ImageVerifier.verify(path, ImageVerifier.Progress.NONE).intact()).isTrue();
            arena.fill(0, 1L << 20, (byte) 7);
            arena.restore(path);
            assertThat(arena.getLong(8)).isEqualTo(42);
            assertThat(arena.getLong(4096)).isZero();
            assertThat(arena.getLong((1L << 20) - 8)).isEqualTo(43);
        } finally {
            DirectoryTree.delete(path);
        }
    }

    @Test
    void wrongUseIsRefusedAndNothingIsWritten() throws Exception {
        NativeArena arena = NativeArena.create("test", 8192);
        assertThatThrownBy(() -> arena.putLong(8192, 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> arena.putLong(4, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> arena.fill(8000, 1000, (byte) 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(arena.reading().mismatch(MemorySegment.ofArray(new byte[8192]))).isEqualTo(-1);
        assertThatThrownBy(() -> arena.unit(() -> snapshotInside(arena)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("inside a unit");
        arena.close();
        assertThatThrownBy(() -> arena.putLong(0, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> arena.snapshot(new MemoryImage()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> NativeArena.create("test", 100))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static void snapshotInside(NativeArena arena) {
        MemoryImage image = new MemoryImage();
        try {
            arena.snapshot(image);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            image.free();
        }
    }

    private static long word(MemoryImage image, long offset) {
        long page = offset & -4096;
        return image.read(new AddressRange(page, page + 4096))
                .get(ValueLayout.JAVA_LONG_UNALIGNED, offset - page);
    }

    /** Writes the same number to both ends. */
    private static Repeating pairs(NativeArena arena) {
        long[] number = new long[1];
        return new Repeating(
                "pairs",
                () -> {
                    number[0]++;
                    arena.unit(
                            () -> {
                                arena.putLong(0, number[0]);
                                arena.putLong(arena.sizeBytes() - Long.BYTES, number[0]);
                            });
                });
    }
}
