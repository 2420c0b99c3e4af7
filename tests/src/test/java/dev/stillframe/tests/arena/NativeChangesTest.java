package dev.stillframe.tests.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.arena.ArenaException;
import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.nativearena.NativeArena;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.FailingSink;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.oracle.OracleShape;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.NativeProgram;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Snapshots of what was written to a native arena since another: with its parents, each is the
 * arena at T0.
 */
@Timeout(300)
class NativeChangesTest {
    private static final int PAGE = NativeArena.PAGE_BYTES;
    private static final int PAGES = 4096;
    private static final long SIZE_BYTES = (long) PAGES * PAGE;
    private static final int WRITERS = 2;

    private final Path folder = NativeProgram.scratch().resolve("changes-" + System.nanoTime());
    private final Arena scratch = Arena.ofShared();

    @BeforeEach
    void makeFolder() throws IOException {
        Files.createDirectories(folder);
    }

    @AfterEach
    void deleteFolder() throws IOException {
        scratch.close();
        DirectoryTree.delete(folder);
    }

    @Test
    void everyImageOfAChainIsOneInstantWhileWritersAreAtWork() throws Exception {
        OracleShape shape = new OracleShape(SIZE_BYTES, WRITERS, Seed.value());
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                NativeArena restored = NativeArena.create("restored", SIZE_BYTES);
                Writers writers = new Writers(shape, arena)) {
            writers.awaitProgress();
            ImageChain chain = new ImageChain(arena, folder);
            for (int turn = 0; turn < Campaign.turns(6, 100); turn++) {
                if (turn % 10 == 0) {
                    chain.whole();
                } else {
                    chain.changes();
                }
                System.gc(); // while the arena is watched
                chain.restoreTo(restored);
                assertThat(OracleCheck.deviation(shape, restored.segment()))
                        .as("image %d", turn)
                        .isEmpty();
                writers.awaitProgress();
            }
        }
    }

    /**
     * Without writers at T0, a plain copy says what every image must hold, and which pages have
     * changed.
     */
    @Test
    void aChainHoldsExactlyWhatAPlainCopyHolds() throws Exception {
        RandomGenerator random = Seed.random("changes");
        MemorySegment copy = scratch.allocate(SIZE_BYTES, PAGE);
        MemorySegment before = scratch.allocate(SIZE_BYTES, PAGE);
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                NativeArena restored = NativeArena.create("restored", SIZE_BYTES)) {
            scatter(arena, random);
            ImageChain chain = new ImageChain(arena, folder);
            chain.whole();
            before.copyFrom(arena.segment());
            for (int turn = 0; turn < Campaign.turns(5, 50); turn++) {
                if (turn == 3) {
                    chain.whole();
                    before.copyFrom(arena.segment());
                }
                scatter(arena, random);
                rewriteTheSame(arena, random);
                copy.copyFrom(arena.segment());
                ArenaReport report = chain.changes();
                assertThat(report.pages())
                        .as("changed pages")
                        .isEqualTo(differing(before, copy).cardinality());
                before.copyFrom(copy);
                chain.restoreTo(restored);
                assertThat(restored.segment().mismatch(copy)).as("image %d", turn).isEqualTo(-1);
            }
        }
    }

    @Test
    void anOlderParentGetsAllThatWasWrittenSinceIt() throws Exception {
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                NativeArena restored = NativeArena.create("restored", SIZE_BYTES)) {
            ImageChain chain = new ImageChain(arena, folder);
            ArenaReport whole = chain.whole();
            Path image = chain.newest();
            arena.putLong(0, 1);
            assertThat(chain.changes().pages()).isEqualTo(1);
            arena.putLong(PAGE, 2);
            assertThat(chain.changes().pages()).isEqualTo(1);
            arena.putLong(2L * PAGE, 3);
            Path all = folder.resolve("all");
            assertThat(
                            arena.snapshotSince(
                                            whole,
                                            ImageWriter.createChild(all, image),
                                            ArenaOptions.DEFAULT)
                                    .pages())
                    .isEqualTo(3);
            restored.restore(all);
            assertThat(restored.segment().mismatch(arena.segment())).isEqualTo(-1);
        }
    }

    @Test
    void aSnapshotThatFailsLosesNothing() throws Exception {
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                NativeArena restored = NativeArena.create("restored", SIZE_BYTES)) {
            ImageChain chain = new ImageChain(arena, folder);
            ArenaReport whole = chain.whole();
            arena.putLong(0, 1);
            assertThatThrownBy(
                            () ->
                                    arena.snapshotSince(
                                            whole,
                                            new FailingSink(FailingSink.Failure.THROW, 0),
                                            ArenaOptions.DEFAULT))
                    .isInstanceOf(IOException.class);
            arena.putLong(PAGE, 2);
            assertThat(chain.changes().pages()).isEqualTo(2);
            arena.putLong(2L * PAGE, 3);
            // A whole one that fails has ended the watch and begun no other.
            assertThatThrownBy(() -> arena.snapshot(new FailingSink(FailingSink.Failure.THROW, 0)))
                    .isInstanceOf(IOException.class);
            arena.putLong(3L * PAGE, 4);
            assertThat(chain.changes().pages()).isEqualTo(2);
            chain.restoreTo(restored);
            assertThat(restored.segment().mismatch(arena.segment())).isEqualTo(-1);
        }
    }

    @Test
    void aKilledHandlerLosesNothing() throws Exception {
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                NativeArena restored = NativeArena.create("restored", SIZE_BYTES)) {
            ImageChain chain = new ImageChain(arena, folder);
            chain.whole();
            arena.putLong(0, 1);
            ProcessHandle handler = ProcessHandle.of(arena.handlerPid()).orElseThrow();
            handler.destroyForcibly();
            handler.onExit().get(30, TimeUnit.SECONDS);
            assertThat(chain.changes().pages()).isEqualTo(1);
            chain.restoreTo(restored);
            assertThat(restored.segment().mismatch(arena.segment())).isEqualTo(-1);
        }
    }

    /** Somebody else has the memory when the watch is to begin. */
    @Test
    void withoutAWatchChangesAreRefusedAndWhy() throws Exception {
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                Userfaultfd other = Userfaultfd.create()) {
            other.enable();
            MemorySegment memory = arena.segment();
            MemoryImage taking =
                    new MemoryImage() {
                        @Override
                        public String finish(Ending ending) throws IOException {
                            other.register(
                                    new AddressRange(
                                            memory.address(), memory.address() + SIZE_BYTES));
                            return super.finish(ending);
                        }
                    };
            ArenaReport whole = arena.snapshot(taking);
            taking.free();
            arena.putLong(0, 1);
            assertThatThrownBy(
                            () ->
                                    arena.snapshotSince(
                                            whole, new DiscardingSink(), ArenaOptions.DEFAULT))
                    .isInstanceOf(ArenaException.class)
                    .hasMessageContaining("not being watched")
                    .hasMessageContaining("EBUSY");
            other.unregister(memory.address(), SIZE_BYTES);
            ArenaReport changes =
                    arena.snapshotSince(whole, new DiscardingSink(), ArenaOptions.DEFAULT);
            assertThat(changes.pages()).as("found by comparison").isEqualTo(1);
        }
    }

    @Test
    void wrongParentsAreRefused() throws Exception {
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES);
                NativeArena other = NativeArena.watched("other", SIZE_BYTES);
                NativeArena unwatched = NativeArena.create("unwatched", SIZE_BYTES)) {
            ArenaReport whole = arena.snapshot(new DiscardingSink());
            assertThatThrownBy(
                            () ->
                                    other.snapshotSince(
                                            whole, new DiscardingSink(), ArenaOptions.DEFAULT))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("none of the last");
            assertThatThrownBy(
                            () ->
                                    unwatched.snapshotSince(
                                            whole, new DiscardingSink(), ArenaOptions.DEFAULT))
                    .isInstanceOf(UnsupportedOperationException.class)
                    .hasMessageContaining("watched()");
        }
    }

    @Test
    void watchingFillsNoHoles() throws Exception {
        try (NativeArena arena = NativeArena.watched("test", SIZE_BYTES)) {
            arena.putLong(5L * PAGE, 1);
            ImageChain chain = new ImageChain(arena, folder);
            chain.whole();
            arena.putLong(7L * PAGE, 1);
            chain.changes();
            assertThat(residentBytes(arena.segment())).isEqualTo(2L * PAGE);
        }
    }

    /** As {@code /proc/self/smaps} says. */
    private static long residentBytes(MemorySegment memory) throws IOException {
        String mapping = Long.toHexString(memory.address()) + "-";
        List<String> lines = Files.readAllLines(Path.of("/proc/self/smaps"));
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).startsWith(mapping)) {
                while (!lines.get(i).startsWith("Rss:")) {
                    i++;
                }
                return Long.parseLong(lines.get(i).replaceAll("\\D", "")) << 10;
            }
        }
        throw new AssertionError("the arena is not mapped");
    }

    private static void scatter(NativeArena arena, RandomGenerator random) {
        int count = random.nextInt(1, 2000);
        for (int i = 0; i < count; i++) {
            arena.putLong(
                    random.nextInt(PAGES) * (long) PAGE + 8L * random.nextInt(512),
                    random.nextInt(3));
        }
    }

    /** Pages that were written and are as they were. */
    private static void rewriteTheSame(NativeArena arena, RandomGenerator random) {
        for (int i = 0; i < 100; i++) {
            long at = random.nextInt(PAGES) * (long) PAGE;
            arena.putLong(at, arena.getLong(at));
        }
    }

    private static BitSet differing(MemorySegment one, MemorySegment other) {
        BitSet pages = new BitSet();
        for (int page = 0; page < PAGES; page++) {
            long at = (long) page * PAGE;
            if (MemorySegment.mismatch(one, at, at + PAGE, other, at, at + PAGE) >= 0) {
                pages.set(page);
            }
        }
        return pages;
    }
}
