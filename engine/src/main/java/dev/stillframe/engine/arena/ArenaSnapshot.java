package dev.stillframe.engine.arena;

import dev.stillframe.engine.page.Ending;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.page.RootHash;
import dev.stillframe.engine.staging.Encoder;
import dev.stillframe.engine.staging.Places;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One snapshot of an arena, told in its steps. Owned by the thread that takes it. */
final class ArenaSnapshot implements AutoCloseable {
    private static final long WAIT_NANOS = 100_000_000;

    private final EmulatedArena arena;
    private final MemorySegment memory;
    private final WriteBarrier barrier;
    private final PageSink sink;
    private final ArenaOptions options;
    private final @Nullable ArenaReport parent;
    private final int pages;
    private @Nullable Staging staging;
    private @Nullable Encoder encoder;

    ArenaSnapshot(EmulatedArena arena, MemorySegment memory, WriteBarrier barrier, PageSink sink, ArenaOptions options, @Nullable ArenaReport parent) {
        this.arena = arena;
        this.memory = memory;
        this.barrier = barrier;
        this.sink = sink;
        this.options = options;
        this.parent = parent;
        this.pages = (int) (memory.byteSize() / MemoryArena.PAGE_BYTES);
    }

    ArenaReport take() throws IOException {
        long started = System.nanoTime();
        Staging blocks = staging();
        staging = blocks;
        long armed = System.nanoTime();
        barrier.arm(options.instantTimeout());
        PageCopies copies = new PageCopies(memory, blocks, barrier, parent == null ? 0 : parent.epoch());
        Encoder encoding = new Encoder(blocks, sink, options.stallTimeout(), copies, () -> {});
        try {
            barrier.instant(copies, options.instantTimeout());
        } catch (IOException | RuntimeException e) {
            barrier.disarm();
            encoding.free();
            throw e;
        }
        Instant instant = Instant.now();
        long instantNanos = System.nanoTime();
        encoder = encoding;
        Thread.ofPlatform().name("stillframe-encoder").daemon().start(encoding);
        try {
            Layout layout = layout(instant, copies);
            encoding.begin(layout, new Places(layout));
            sweep(copies);
            long captured = System.nanoTime();
            Published published = publish(copies, encoding, layout);
            return new ArenaReport(
                    published.image(),
                    HexFormat.of().formatHex(published.rootHash()),
                    copies.epoch(),
                    layout.pageCount(),
                    encoding.zeroPages(),
                    copies.byWriters(),
                    instantNanos - armed,
                    captured - instantNanos,
                    System.nanoTime() - started,
                    blocks.waitedNanos());
        } catch (IOException | RuntimeException | Error e) {
            copies.fail(e);
            barrier.end();
            encoding.interrupt();
            awaitEncoder(encoding);
            sink.abort(String.valueOf(e.getMessage()));
            throw e;
        }
    }

    /** As much as was asked for, or as the pages can fill, whatever stripes they are copied by. */
    private Staging staging() {
        long blocks = Math.min(pages, pages / StagingBlock.PAGES + PageCopies.STRIPES + 1);
        long enough = blocks * StagingBlock.PAGES * StagingBlock.PAGE_BYTES;
        Arena owner = Arena.ofShared();
        long bytes = Staging.memoryBytes(Math.min(options.stagingBytes(), enough));
        return new Staging(owner.allocate(bytes), owner::close);
    }

    private Layout layout(Instant instant, PageCopies copies) {
        ArenaLayout images = new ArenaLayout(arena.name(), "rw-p", memory.byteSize());
        long instantEpochNanos = Layout.epochNanos(instant);
        return parent == null
                ? images.whole(instantEpochNanos)
                : images.changes(instantEpochNanos, parent, wanted(copies));
    }

    /** What was written since the parent. */
    private BitSet wanted(PageCopies copies) {
        BitSet wanted = new BitSet(pages);
        for (int page = 0; page < pages; page++) {
            wanted.set(page, copies.isWanted(page));
        }
        return wanted;
    }

    /** Has every page copied that is wanted and that no writer has copied. */
    private void sweep(PageCopies copies) throws IOException {
        for (int page = 0; page < pages; page++) {
            if (!barrier.sweep(copies, page)) {
                copies.check();
            }
        }
        barrier.end();
        copies.flush();
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Published(String image, byte[] rootHash) {}

    private Published publish(PageCopies copies, Encoder encoding, Layout layout) throws IOException {
        encoding.finish();
        awaitEncoder(encoding);
        copies.check();
        byte[] rootHash = RootHash.of(layout, List.of(), encoding.ledger());
        return new Published(sink.finish(new Ending(List.of(), rootHash)), rootHash);
    }

    /** Bounded by the encoder's stall timeout and the sink's own deadline. */
    private static void awaitEncoder(Encoder encoding) {
        while (!encoding.awaitEnd(WAIT_NANOS)) {
            Thread.onSpinWait();
        }
    }

    @Override
    public void close() {
        sink.close(); // it may still hold memory of batches
        if (encoder != null) {
            encoder.free();
        }
        if (staging != null) {
            staging.close();
        }
    }
}
