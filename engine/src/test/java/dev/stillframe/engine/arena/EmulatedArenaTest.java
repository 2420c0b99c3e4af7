package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class EmulatedArenaTest {
    private static final int PAGE = MemoryArena.PAGE_BYTES;
    private static final long SIZE = 64L * PAGE;

    private final MemoryArena arena = MemoryArena.emulated("test", SIZE);

    @TempDir Path folder = Path.of("");

    @AfterEach
    void closeArena() {
        arena.close();
    }

    @Test
    void whatWasPutIsThere() {
        arena.putByte(1, (byte) -1);
        arena.putShort(2, (short) 0x1234);
        arena.putChar(4, 'x');
        arena.putInt(8, -5);
        arena.putLong(SIZE - 8, Long.MIN_VALUE);
        arena.putFloat(16, 1.5f);
        arena.putDouble(24, -2.5);
        assertThat(arena.getByte(1)).isEqualTo((byte) -1);
        assertThat(arena.getShort(2)).isEqualTo((short) 0x1234);
        assertThat(arena.getChar(4)).isEqualTo('x');
        assertThat(arena.getInt(8)).isEqualTo(-5);
        assertThat(arena.getLong(SIZE - 8)).isEqualTo(Long.MIN_VALUE);
        assertThat(arena.getFloat(16)).isEqualTo(1.5f);
        assertThat(arena.getDouble(24)).isEqualTo(-2.5);
    }

    @Test
    void compareAndSetChangesOnlyWhatWasExpected() {
        assertThat(arena.compareAndSetLong(64, 1, 2)).isFalse();
        assertThat(arena.compareAndSetLong(64, 0, 2)).isTrue();
        assertThat(arena.getAndAddLong(64, 5)).isEqualTo(2);
        assertThat(arena.getLongVolatile(64)).isEqualTo(7);
        assertThat(arena.compareAndSetInt(72, 0, 3)).isTrue();
        assertThat(arena.getAndAddInt(72, 1)).isEqualTo(3);
        assertThat(arena.getIntVolatile(72)).isEqualTo(4);
        arena.putIntVolatile(72, 9);
        arena.putLongVolatile(64, 10);
        assertThat(arena.getInt(72)).isEqualTo(9);
        assertThat(arena.getLong(64)).isEqualTo(10);
    }

    /** The same random calls on an arena and on a byte array. */
    @Test
    void bulkCallsAcrossPagesDoWhatTheyDoOnAnArray() {
        Random random = SeedOf.random();
        byte[] model = new byte[(int) SIZE];
        MemorySegment modelSegment = MemorySegment.ofArray(model);
        for (int turn = 0; turn < 2_000; turn++) {
            int size = random.nextInt(3 * PAGE);
            int at = random.nextInt(model.length - size);
            int from = random.nextInt(model.length - size);
            switch (random.nextInt(3)) {
                case 0 -> {
                    byte[] bytes = new byte[size];
                    random.nextBytes(bytes);
                    arena.put(at, bytes);
                    System.arraycopy(bytes, 0, model, at, size);
                }
                case 1 -> {
                    arena.fill(at, size, (byte) turn);
                    modelSegment.asSlice(at, size).fill((byte) turn);
                }
                default -> {
                    arena.copy(from, at, size);
                    System.arraycopy(model, from, model, at, size);
                }
            }
            assertThat(modelSegment.mismatch(arena.reading())).as("turn %d", turn).isEqualTo(-1);
        }
    }

    @Test
    void aRangeIsAPartWithItsOwnOffsets() {
        MemoryRange range = arena.range(PAGE - 8, 16);
        range.putLong(8, 42);
        range.range(0, 8).putInt(4, 7);
        assertThat(arena.getLong(PAGE)).isEqualTo(42);
        assertThat(arena.getInt(PAGE - 4)).isEqualTo(7);
        assertThat(range.reading().byteSize()).isEqualTo(16);
        assertThatThrownBy(() -> range.putLong(16, 1))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining(
                        "8 bytes at offset 0x10 of a range of 0x10 at 0xff8 of arena test");
        assertThatThrownBy(() -> range.putLong(Long.MAX_VALUE, 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void badOffsetsAreRefusedWithTheirNumbersAndChangeNothing() {
        for (long offset : new long[] {-8, SIZE, SIZE - 4, Long.MAX_VALUE, Long.MIN_VALUE}) {
            assertThatThrownBy(() -> arena.putLong(offset, -1))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessage(
                            "8 bytes at offset 0x%x of arena test, which has 0x%x", offset, SIZE);
            assertThatThrownBy(() -> arena.getLong(offset))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> arena.fill(offset, 9, (byte) 1))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> arena.range(offset, 9))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
        assertThatThrownBy(() -> arena.putInt(6, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("4 bytes at offset 0x6 of arena test: not aligned to 4");
        assertThatThrownBy(() -> arena.compareAndSetLong(4, 0, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> arena.copy(0, SIZE - 4, 8))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> arena.fill(8, -1, (byte) 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> MemoryArena.emulated("odd", 4097))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(arena.reading().mismatch(MemorySegment.ofArray(new byte[(int) SIZE])))
                .isEqualTo(-1);
    }

    @Test
    void everyUseAfterCloseIsRefused() {
        MemoryArena closed = MemoryArena.emulated("gone", SIZE);
        closed.putLong(0, 1);
        closed.close();
        closed.close();
        for (Consumer<MemoryArena> use :
                List.<Consumer<MemoryArena>>of(
                        a -> a.putLong(0, 2),
                        a -> a.putLong(PAGE, 2),
                        a -> a.getLong(0),
                        a -> a.getInt(0),
                        a -> a.putLongVolatile(0, 1),
                        a -> a.compareAndSetInt(0, 1, 2),
                        a -> a.fill(0, SIZE, (byte) 0),
                        a -> a.get(0, new byte[8]),
                        a -> a.range(0, 8).getLong(0))) {
            assertThatThrownBy(() -> use.accept(closed))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("arena gone is closed");
        }
        assertThatThrownBy(() -> closed.snapshot(new DiscardingSink()))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> closed.restore(folder)).isInstanceOf(IllegalStateException.class);
    }

    /** A channel that reads the memory keeps it from being given back, and nothing else. */
    @Test
    void whatCannotBeClosedNowCanBeClosedLater() throws Exception {
        MemoryArena busy = MemoryArena.emulated("busy", SIZE);
        Pipe pipe = Pipe.open();
        Thread sender =
                Thread.ofPlatform()
                        .start(
                                () ->
                                        thrownIn(
                                                () ->
                                                        pipe.sink()
                                                                .write(
                                                                        busy.reading()
                                                                                .asByteBuffer())));
        ByteBuffer first = ByteBuffer.allocate(1);
        pipe.source().read(first); // the rest does not fit into the pipe: it is in its call
        assertThatThrownBy(busy::close).isInstanceOf(IllegalStateException.class);
        busy.putLong(0, 1);
        ByteBuffer rest = ByteBuffer.allocate((int) SIZE - 1);
        while (rest.hasRemaining()) {
            pipe.source().read(rest);
        }
        join(sender);
        pipe.source().close();
        pipe.sink().close();
        busy.close();
        assertThatThrownBy(() -> busy.putLong(0, 1)).hasMessageContaining("arena busy is closed");
    }

    @Test
    void anImageOfAnArenaIsAnOrdinaryImageAndComesBack() throws IOException {
        fillRandomly(arena, 7);
        ArenaReport report = arena.snapshot(ImageWriter.create(folder.resolve("image")));
        assertThat(report.pages()).isEqualTo(64);
        assertThat(
                        ImageVerifier.verify(folder.resolve("image"), ImageVerifier.Progress.NONE)
                                .intact())
                .isTrue();
        byte[] before = arena.reading().toArray(ValueLayout.JAVA_BYTE);
        arena.fill(0, SIZE, (byte) 9);
        arena.restore(folder.resolve("image"));
        assertThat(arena.reading().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
        try (ImageReader reader = ImageReader.open(folder.resolve("image"))) {
            assertThat(reader.layout().source().command()).isEqualTo("arena test");
            assertThat(reader.missing()).isEmpty();
        }
    }

    /**
     * The sink writes to the arena itself: each first write must keep the old content for the
     * image.
     */
    @Test
    void writesDuringASnapshotAreNotInIt() throws IOException {
        fillRandomly(arena, 8);
        byte[] before = arena.reading().toArray(ValueLayout.JAVA_BYTE);
        Thread writer = Thread.ofPlatform().unstarted(() -> arena.fill(0, SIZE, (byte) 1));
        PageSink image = ImageWriter.create(folder.resolve("image"));
        arena.snapshot(
                new ForwardingSink(image) {
                    @Override
                    public void begin(Layout layout) throws IOException {
                        writer.start();
                        super.begin(layout);
                    }
                });
        join(writer);
        assertThat(content(folder.resolve("image"))).isEqualTo(before);
        assertThat(arena.getByte(SIZE - 1)).isEqualTo((byte) 1);
    }

    @Test
    void snapshotsAndRestoresExcludeEachOther() throws IOException {
        Path image = folder.resolve("image");
        arena.snapshot(ImageWriter.create(image));
        AtomicReference<@Nullable Throwable> second = new AtomicReference<>();
        AtomicReference<@Nullable Throwable> restore = new AtomicReference<>();
        AtomicReference<@Nullable Throwable> close = new AtomicReference<>();
        arena.snapshot(
                new ForwardingSink(new DiscardingSink()) {
                    @Override
                    public void begin(Layout layout) throws IOException {
                        second.set(thrown(() -> arena.snapshot(new DiscardingSink())));
                        restore.set(thrown(() -> arena.restore(image)));
                        close.set(thrown(arena::close));
                        super.begin(layout);
                    }
                });
        assertThat(second.get())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("a snapshot of arena test while a snapshot is running");
        assertThat(restore.get()).hasMessage("a restore of arena test while a snapshot is running");
        assertThat(close.get()).hasMessage("close of arena test while a snapshot is running");
        assertThat(
                        thrown(
                                () ->
                                        arena.unit(
                                                () ->
                                                        thrownIn(
                                                                () ->
                                                                        arena.snapshot(
                                                                                new DiscardingSink())))))
                .hasRootCauseMessage("a snapshot of arena test inside a unit of writes");
        arena.restore(image);
        arena.snapshot(new DiscardingSink());
    }

    @Test
    void aFailingSinkLeavesTheArenaUsableAndTheNextSnapshotExact() throws IOException {
        fillRandomly(arena, 9);
        assertThatThrownBy(
                        () ->
                                arena.snapshot(
                                        new ForwardingSink(new DiscardingSink()) {
                                            @Override
                                            public void accept(PageBatch batch) throws IOException {
                                                batch.release();
                                                throw new IOException("disk full");
                                            }
                                        }))
                .isInstanceOf(IOException.class)
                .hasMessage("disk full");
        arena.putLong(0, 77);
        byte[] before = arena.reading().toArray(ValueLayout.JAVA_BYTE);
        arena.snapshot(ImageWriter.create(folder.resolve("image")));
        assertThat(content(folder.resolve("image"))).isEqualTo(before);
    }

    @Test
    void anImageThatIsDamagedOrOfAnotherSizeChangesNothing() throws IOException {
        fillRandomly(arena, 10);
        Path image = folder.resolve("image");
        arena.snapshot(ImageWriter.create(image));
        arena.putLong(8, 4711);
        byte[] before = arena.reading().toArray(ValueLayout.JAVA_BYTE);
        try (MemoryArena smaller = MemoryArena.emulated("smaller", SIZE / 2)) {
            assertThatThrownBy(() -> smaller.restore(image))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(
                            "is of an arena of 262144 bytes, arena smaller has 131072");
        }
        try (RandomAccessFile pages = new RandomAccessFile(image.resolve("pages").toFile(), "rw")) {
            pages.seek(SIZE - 100); // in the last page: the others are read before
            int old = pages.read();
            pages.seek(SIZE - 100);
            pages.write(old ^ 1);
        }
        assertThatThrownBy(() -> arena.restore(image))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("page 63 (3f000-40000, [arena test])");
        assertThat(arena.reading().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
        assertThatThrownBy(() -> arena.restore(folder.resolve("nothing")))
                .isInstanceOf(IOException.class);
    }

    @Test
    void aUnitThatDoesNotEndMakesTheSnapshotGiveUpInTime() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        Thread unit = Thread.ofPlatform().start(() -> arena.unit(() -> await(inside, enough)));
        inside.await();
        ArenaOptions options =
                new ArenaOptions(
                        ArenaOptions.MIN_STAGING_BYTES,
                        Duration.ofSeconds(10),
                        Duration.ofMillis(50));
        assertThatThrownBy(() -> arena.snapshot(new DiscardingSink(), options))
                .isInstanceOf(ArenaException.class)
                .hasMessage("units of writes did not end within 50 ms");
        enough.countDown();
        join(unit);
        arena.snapshot(new DiscardingSink(), options);
    }

    @Test
    void changesHoldOnlyWhatWasWrittenSinceTheirParentAndRestoreWithIt() throws IOException {
        fillRandomly(arena, 11);
        ArenaReport whole = arena.snapshot(ImageWriter.create(folder.resolve("whole")));
        arena.putLong(3 * PAGE, 1);
        arena.put(10 * PAGE - 1, new byte[] {1, 2});
        ArenaReport first = since(whole, "whole", "first");
        byte[] atFirst = arena.reading().toArray(ValueLayout.JAVA_BYTE);
        arena.putLong(3 * PAGE, 2);
        ArenaReport second = since(first, "first", "second");
        byte[] atSecond = arena.reading().toArray(ValueLayout.JAVA_BYTE);
        ArenaReport nothing = since(second, "second", "nothing");
        ArenaReport all = since(whole, "whole", "all");
        assertThat(first.pages()).isEqualTo(3);
        assertThat(second.pages()).isEqualTo(1);
        assertThat(nothing.pages()).isZero();
        assertThat(all.pages()).isEqualTo(3);
        try (MemoryArena other = MemoryArena.emulated("other", SIZE)) {
            other.restore(folder.resolve("first"));
            assertThat(other.reading().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(atFirst);
            for (String name : List.of("nothing", "all")) {
                other.restore(folder.resolve(name));
                assertThat(other.reading().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(atSecond);
                other.fill(0, SIZE, (byte) 1);
            }
        }
        try (ImageReader reader = ImageReader.open(folder.resolve("second"))) {
            assertThat(reader.parent()).isEqualTo(first.rootHash());
            assertThat(reader.unavailable(new AddressRange(0, SIZE))).isEmpty();
        }
        assertThat(
                        ImageVerifier.verify(folder.resolve("second"), ImageVerifier.Progress.NONE)
                                .intact())
                .isTrue();
    }

    private ArenaReport since(ArenaReport parent, String image, String name) throws IOException {
        return arena.snapshotSince(
                parent,
                ImageWriter.createChild(folder.resolve(name), folder.resolve(image)),
                ArenaOptions.DEFAULT);
    }

    @Test
    void aChainThatDoesNotFitChangesNothing() throws IOException {
        fillRandomly(arena, 12);
        ArenaReport whole = arena.snapshot(ImageWriter.create(folder.resolve("whole")));
        arena.putLong(0, 1);
        since(whole, "whole", "first");
        arena.putLong(0, 2);
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.move(folder.resolve("whole"), elsewhere.resolve("whole"));
        assertThatThrownBy(() -> arena.restore(folder.resolve("first")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("needs its parent")
                .hasMessageContaining(whole.rootHash());
        assertThat(arena.getLong(0)).isEqualTo(2);
        assertThatThrownBy(
                        () ->
                                arena.snapshotSince(
                                        whole,
                                        ImageWriter.create(folder.resolve("second")),
                                        ArenaOptions.DEFAULT))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("this image has none");
        assertThat(folder.resolve("second")).doesNotExist();
        arena.restore(folder.resolve("first"), elsewhere);
        assertThat(arena.getLong(0)).isEqualTo(1);
        try (MemoryArena other = MemoryArena.emulated("other", SIZE)) {
            assertThatThrownBy(
                            () ->
                                    other.snapshotSince(
                                            whole, new DiscardingSink(), ArenaOptions.DEFAULT))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is none of the last 1000 of arena other");
        }
    }

    /**
     * A counter on one page and then the same on another; each image of changes, with its parents,
     * is one instant.
     */
    @Test
    void changesTakenUnderLoadAreOneInstant() throws Exception {
        ArenaReport parent = arena.snapshot(ImageWriter.create(folder.resolve("0")));
        AtomicReference<Boolean> stop = new AtomicReference<>(false);
        Thread writer =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    for (long n = 1; !stop.get(); n++) {
                                        arena.putLong(n % 16 * PAGE, n);
                                        arena.putLong((16 + n % 16) * PAGE, n);
                                    }
                                });
        try (MemoryArena other = MemoryArena.emulated("other", SIZE)) {
            for (int turn = 1; turn <= 20; turn++) {
                parent = since(parent, String.valueOf(turn - 1), String.valueOf(turn));
                other.restore(folder.resolve(String.valueOf(turn)));
                long newest = 0;
                for (int page = 0; page < 16; page++) {
                    newest = Math.max(newest, other.getLong((long) page * PAGE));
                }
                for (long n = newest; n > Math.max(0, newest - 16); n--) {
                    assertThat(other.getLong(n % 16 * PAGE)).as("turn %d", turn).isEqualTo(n);
                    long second = other.getLong((16 + n % 16) * PAGE);
                    boolean notYet = n == newest && second == Math.max(0, n - 16);
                    assertThat(second == n || notYet)
                            .as("turn %d: %d and %d", turn, n, second)
                            .isTrue();
                }
            }
        } finally {
            stop.set(true);
            join(writer);
        }
    }

    private static void await(CountDownLatch inside, CountDownLatch enough) {
        inside.countDown();
        try {
            enough.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void join(Thread thread) {
        try {
            assertThat(thread.join(Duration.ofSeconds(30))).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @FunctionalInterface
    private interface Attempt {
        void run() throws Exception;
    }

    private static @Nullable Throwable thrown(Attempt attempt) {
        try {
            attempt.run();
            return null;
        } catch (Exception e) {
            return e;
        }
    }

    private static void thrownIn(Attempt attempt) {
        try {
            attempt.run();
        } catch (Exception e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static void fillRandomly(MemoryArena arena, long seed) {
        Random random = new Random(seed);
        byte[] page = new byte[PAGE];
        for (long at = 0; at < SIZE; at += 2 * PAGE) { // every other page stays zero
            random.nextBytes(page);
            arena.put(at, page);
        }
        random.nextBytes(page);
        arena.put(SIZE - PAGE, page);
    }

    private static byte[] content(Path image) throws IOException {
        try (ImageReader reader = ImageReader.open(image);
                Arena scratch = Arena.ofConfined()) {
            MemorySegment bytes = scratch.allocate(SIZE);
            reader.read(new AddressRange(0, SIZE), bytes);
            return bytes.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static final class SeedOf {
        static Random random() {
            long seed = Long.getLong("stillframe.seed", System.nanoTime());
            System.out.println("repeat with -Dstillframe.seed=" + seed);
            return new Random(seed);
        }
    }
}
