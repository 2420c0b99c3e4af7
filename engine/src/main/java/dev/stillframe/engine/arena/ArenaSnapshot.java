package dev.stillframe.engine.arena;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.staging.Drain;
import dev.stillframe.engine.staging.PageLedger;
import dev.stillframe.engine.staging.Places;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import dev.stillframe.engine.thread.Role;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One snapshot of an arena, told in its steps. Owned by the thread that takes it. */
final class ArenaSnapshot implements AutoCloseable {
    private static final long WAIT_NANOS = 100_000_000;

    private final EmulatedArena arena;
    private final Clock clock;
    private final MemorySegment memory;
    private final WriteBarrier barrier;
    private final PageSink sink;
    private final ArenaOptions options;
    private final @Nullable Parent parent;
    private final Consumer<String> steps;
    private final int pages;
    private @Nullable Staging staging;
    private @Nullable Drain drain;
    private boolean encodes;

    /**
     * An earlier snapshot, from which this one goes on.
     *
     * @param epoch its epoch
     * @param newest what the arena's newest image has, which is what the parent has of pages that
     *     were not written since that
     */
    record Parent(int epoch, PageLedger newest) {}

    /** {@code steps} is told of each step before it is taken. */
    ArenaSnapshot(
            EmulatedArena arena,
            WriteBarrier barrier,
            PageSink sink,
            ArenaOptions options,
            @Nullable Parent parent,
            Consumer<String> steps) {
        this.arena = arena;
        this.clock = arena.clock();
        this.memory = arena.reading();
        this.barrier = barrier;
        this.sink = sink;
        this.options = options;
        this.parent = parent;
        this.steps = steps;
        this.pages = (int) (memory.byteSize() / MemoryArena.PAGE_BYTES);
    }

    /**
     * Whatever takes memory or time comes before T0; whatever is thrown after it, writers are let
     * go at once.
     */
    ArenaReport take() throws IOException {
        long started = clock.monotonicTime();
        steps.accept("name");
        ArenaLayout images = ArenaLayout.of(arena.name(), "rw-p", memory.byteSize());
        steps.accept("staging");
        Staging blocks = staging();
        staging = blocks;
        steps.accept("copies");
        PageCopies copies =
                new PageCopies(memory, blocks, barrier, parent == null ? 0 : parent.epoch());
        steps.accept("drain");
        Drain draining = new Drain(blocks, sink, options.stallTimeout(), copies, () -> {});
        drain = draining;
        try {
            return take(copies, draining, images, started);
        } catch (IOException | RuntimeException | Error e) {
            giveUp(copies, draining, e);
            throw e;
        }
    }

    private ArenaReport take(PageCopies copies, Drain draining, ArenaLayout images, long started)
            throws IOException {
        steps.accept("instant");
        long armed = clock.monotonicTime();
        barrier.instant(copies, options.instantTimeout());
        Instant instant = Instant.ofEpochMilli(clock.wallTime());
        long instantNanos = clock.monotonicTime();
        steps.accept("thread");
        Role.DRAIN.start(draining);
        encodes = true;
        steps.accept("layout");
        Layout layout = images.at(Layout.epochNanos(instant));
        draining.begin(layout, new Places(layout), false);
        steps.accept("sweep");
        sweep(copies);
        long captured = clock.monotonicTime();
        steps.accept("publish");
        Published published = publish(copies, draining, layout);
        return new ArenaReport(
                published.image(),
                HexFormat.of().formatHex(published.rootHash()),
                copies.epoch(),
                draining.dataPages() + draining.zeroPages(),
                draining.zeroPages(),
                copies.byWriters(),
                instantNanos - armed,
                captured - instantNanos,
                clock.monotonicTime() - started,
                copies.waitedNanos());
    }

    /** The writers first: from {@link PageCopies#awaitCopies} on none of them needs staging. */
    private void giveUp(PageCopies copies, Drain draining, Throwable cause) {
        copies.fail(cause);
        barrier.end();
        copies.awaitCopies();
        if (encodes) {
            draining.interrupt();
            awaitDrain(draining);
        }
        sink.abort(String.valueOf(cause.getMessage()));
    }

    /** As much as was asked for, or as the pages can fill, whatever stripes they are copied by. */
    private Staging staging() {
        long blocks = Math.min(pages, pages / StagingBlock.PAGES + PageCopies.STRIPES + 1);
        long enough = blocks * StagingBlock.PAGES * StagingBlock.PAGE_BYTES;
        Arena owner = Arena.ofShared();
        try {
            long bytes = Staging.memoryBytes(Math.min(options.stagingBytes(), enough), 0);
            return new Staging(owner.allocate(bytes), 0, owner::close, clock);
        } catch (RuntimeException | Error e) {
            owner.close();
            throw e;
        }
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

    private Published publish(PageCopies copies, Drain draining, Layout layout) throws IOException {
        draining.finish();
        awaitDrain(draining);
        copies.check();
        if (parent != null) {
            draining.sendUnchanged(layout, parent.newest());
        }
        byte[] rootHash = RootHash.of(layout, List.of(), draining.ledger());
        return new Published(sink.finish(new Ending(List.of(), rootHash)), rootHash);
    }

    /** What the published image has; it is the caller's. */
    PageLedger takeLedger() {
        if (drain == null) {
            throw new IllegalStateException("nothing was taken");
        }
        return drain.takeLedger();
    }

    /** Bounded by the drain's stall timeout and the sink's own deadline. */
    private static void awaitDrain(Drain draining) {
        while (!draining.awaitEnd(WAIT_NANOS)) {
            Thread.onSpinWait();
        }
    }

    @Override
    public void close() {
        try {
            sink.close(); // it may still hold memory of batches
        } finally {
            if (drain != null) {
                drain.free();
            }
            if (staging != null) {
                staging.close();
            }
        }
    }
}
