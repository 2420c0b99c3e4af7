package dev.stillframe.engine.staging;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * What empties staging into the sink: finds zero pages, hashes the others, hands batches on, and
 * gives their memory back when the sink has released them. One thread, which gives way to the
 * target and to the workers.
 */
public final class Drain implements Runnable {
    /** A receiver may not have them on its disk before many more are on the way. */
    private static final int BATCHES = 128;

    private static final long WAIT_NANOS = 2_000_000;

    private final Staging staging;
    private final Failures failures;
    private final Runnable politely;
    private final PageSink sink;
    private final Duration stallTimeout;
    private final Arena arena = Arena.ofShared();
    private final ArrayBlockingQueue<StagedBatch> idle = new ArrayBlockingQueue<>(BATCHES);
    private final ConcurrentHashMap<StagedBatch, StagingBlock> inFlight = new ConcurrentHashMap<>();
    private final PageHash hash = new PageHash();
    private final CountDownLatch started = new CountDownLatch(1);
    private volatile @Nullable Thread thread;
    private final ThreadEnd ended;
    private volatile boolean last;
    private volatile boolean amends;
    private final Queue<Draft> drafts = new ConcurrentLinkedQueue<>();

    /** How many of them are in force or have been. */
    private int inForce;

    private @Nullable PageLedger ledger;
    private @Nullable Places places;

    /** Runs without contents that are not yet handed on. */
    private @Nullable StagedBatch empty;

    private final LongAdder dataPages = new LongAdder();
    private final LongAdder zeroPages = new LongAdder();
    private final LongAdder unchangedPages = new LongAdder();

    /** The layout that is to be in force, and where pages are in it. */
    private record Draft(Layout layout, Places places) {}

    /** Where it tells that it failed, and hears that somebody else did. Thread-safe. */
    public interface Failures {
        /** Whether anything has gone wrong. */
        boolean hasFailed();

        /** Something has gone wrong; the first counts. */
        void fail(Throwable cause);
    }

    /**
     * Not yet running.
     *
     * @param stallTimeout how long the sink may take nothing
     * @param politely run first on its thread, to give way to others
     */
    public Drain(
            Staging staging,
            PageSink sink,
            Duration stallTimeout,
            Failures failures,
            Runnable politely) {
        this.staging = staging;
        this.failures = failures;
        this.politely = politely;
        this.sink = sink;
        this.stallTimeout = stallTimeout;
        this.ended = new ThreadEnd(staging.clock());
        try {
            for (int i = 0; i < BATCHES; i++) {
                idle.add(new StagedBatch(arena, this::released));
            }
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Lets it begin: the layout is known. Called once.
     *
     * @param amends whether the sink has been begun with another layout, by another drain
     */
    public void begin(Layout layout, Places places, boolean amends) {
        this.amends = amends;
        drafts.add(new Draft(layout, places));
        started.countDown();
    }

    /**
     * Ends a round: when the sink has taken all blocks of the rounds before, {@code layout} is in
     * force, and before it takes one of the next. Called before such a block is submitted.
     */
    public void amend(Layout layout, Places places) {
        drafts.add(new Draft(layout, places));
    }

    /** Ends whatever it waits for; its failure is of no interest any more. */
    public void interrupt() {
        Thread running = thread;
        if (running != null) {
            running.interrupt();
        }
    }

    /**
     * No more staging blocks will come; it ends when those that are there have been taken by the
     * sink.
     */
    public void finish() {
        last = true;
    }

    /**
     * Waits for its end, not longer than {@code nanos}; whether it has ended. A failure is told.
     */
    public boolean awaitEnd(long nanos) {
        return ended.await(nanos);
    }

    /** Whether the sink holds no memory of a batch any more. */
    public boolean hasAllBack() {
        return idle.size() == BATCHES;
    }

    /** Copied pages that the sink has taken, by what they held. */
    public long dataPages() {
        return dataPages.sum();
    }

    /** Pages that are as they were in the image before. */
    public long unchangedPages() {
        return unchangedPages.sum();
    }

    /** Copied pages that held only zeros. */
    public long zeroPages() {
        return zeroPages.sum();
    }

    public PageLedger ledger() {
        return known(ledger);
    }

    /** The same; it is the caller's from now on, and of no use here any more. */
    public PageLedger takeLedger() {
        PageLedger taken = known(ledger);
        ledger = null;
        return taken;
    }

    private static <T> T known(@Nullable T value) {
        if (value == null) {
            throw new IllegalStateException("the layout is not known yet");
        }
        return value;
    }

    @Override
    public void run() {
        thread = Thread.currentThread();
        try {
            politely.run();
            while (!started.await(WAIT_NANOS, TimeUnit.NANOSECONDS)) {
                if (failures.hasFailed()) {
                    return;
                }
            }
            begin(drafts.remove());
            while (!failures.hasFailed()) {
                StagingBlock block = staging.take(WAIT_NANOS);
                if (block != null) {
                    while (inForce <= block.round()) {
                        amend(drafts.remove());
                    }
                    encode(block);
                } else if (last && !staging.hasFilled()) {
                    while (!drafts.isEmpty()) { // of a round in which nothing was written
                        amend(drafts.remove());
                    }
                    return;
                }
            }
        } catch (Throwable t) { // the thread's top: nobody else would see it
            failures.fail(t);
        } finally {
            ended.reached();
        }
    }

    private void begin(Draft draft) throws IOException {
        ledger = new PageLedger(draft.layout.ordinalCount());
        places = draft.places;
        if (amends) {
            sink.amend(draft.layout);
        } else {
            sink.begin(draft.layout);
        }
        inForce = 1;
    }

    private void amend(Draft draft) throws IOException {
        known(ledger).lengthen(draft.layout.ordinalCount());
        places = draft.places;
        sink.amend(draft.layout);
        inForce++;
    }

    private void encode(StagingBlock block) throws IOException {
        StagedBatch batch = idleBatch();
        batch.begin(block.memory());
        for (int run = 0; run < block.runs(); run++) {
            encodeRun(batch, block, run);
        }
        inFlight.put(batch, block);
        known(ledger).record(batch);
        sink.accept(batch);
    }

    private void encodeRun(StagedBatch batch, StagingBlock block, int run) {
        Places at = known(places);
        MemorySegment memory = block.memory();
        long address = block.address(run);
        long offset = block.offset(run);
        int extent = -1;
        for (int page = 0; page < block.pages(run); page++) {
            if (extent < 0 || address >= at.end(extent)) {
                extent = at.find(address);
                batch.beginRun();
                if (extent < 0) {
                    throw new IllegalStateException(
                            "page %x is outside the layout".formatted(address));
                }
            }
            long ordinal = at.ordinal(extent, address);
            if (ZeroPage.is(memory, offset)) {
                batch.add(PageKind.ZERO, ordinal, 1, 0);
                zeroPages.increment();
            } else {
                hash.hash(
                        memory,
                        offset,
                        StagingBlock.PAGE_BYTES,
                        batch.hashTable(),
                        batch.nextHash());
                batch.add(PageKind.DATA, ordinal, 1, offset);
                dataPages.increment();
            }
            address += StagingBlock.PAGE_BYTES;
            offset += StagingBlock.PAGE_BYTES;
        }
    }

    /**
     * Sends pages without content: {@code kind} is ZERO or LOST. Called by one thread after the end
     * of this one, which calls {@link #endEmpty} at last.
     */
    public void sendEmpty(PageKind kind, long ordinal, long count) throws IOException {
        StagedBatch batch = begunEmpty();
        batch.beginRun();
        batch.add(kind, ordinal, count, 0);
        if (batch.isFull()) {
            endEmpty();
        }
    }

    private StagedBatch begunEmpty() throws IOException {
        StagedBatch batch = empty;
        if (batch == null) {
            batch = idleBatch();
            batch.begin(MemorySegment.NULL);
            empty = batch;
        }
        return batch;
    }

    /**
     * Says of all pages of which nothing has come that they are as they were in the image before.
     * Called like {@link #sendEmpty}, after {@link #endEmpty}.
     *
     * @param before what that image has, by the same ordinals
     */
    public void sendUnchanged(Layout layout, PageLedger before) throws IOException {
        PageLedger now = known(ledger);
        for (Region region : layout.regions()) {
            for (Extent extent : region.extents()) {
                for (long at = extent.firstOrdinal(); at < extent.endOrdinal(); ) {
                    long end = now.runEnd(at, extent.endOrdinal(), before);
                    if (now.kind(at) == PageKind.UNKNOWN) {
                        sendUnchanged(at, end, before);
                    }
                    at = end;
                }
            }
        }
        endEmpty();
    }

    private void sendUnchanged(long first, long end, PageLedger before) throws IOException {
        switch (before.kind(first)) {
            case ZERO -> sendEmpty(PageKind.ZERO, first, end - first);
            case DATA -> sendInherited(first, end, before);
            case LOST, UNKNOWN, IN_PARENT ->
                    throw new IllegalStateException(
                            "page %d is in no image, and did not come".formatted(first));
        }
    }

    private void sendInherited(long first, long end, PageLedger before) throws IOException {
        for (long at = first; at < end; ) {
            StagedBatch batch = begunEmpty();
            long count = Math.min(batch.hashRoom(), end - at);
            before.copyHashes(at, count, batch.hashTable(), batch.nextHash());
            sendEmpty(PageKind.IN_PARENT, at, count);
            at += count;
        }
        unchangedPages.add(end - first);
    }

    /** Hands on what {@link #sendEmpty} has collected. */
    public void endEmpty() throws IOException {
        StagedBatch batch = empty;
        empty = null;
        if (batch != null) {
            known(ledger).record(batch);
            sink.accept(batch);
        }
    }

    private StagedBatch idleBatch() throws IOException {
        try {
            StagedBatch batch = idle.poll(stallTimeout.toNanos(), TimeUnit.NANOSECONDS);
            if (batch == null) {
                throw new IOException(
                        "the receiving end took no page for %d s; look at its disk and network, or give it longer with --timeout"
                                .formatted(stallTimeout.toSeconds()));
            }
            return batch;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while waiting for the sink")
                            .initCause(e);
        }
    }

    private void released(StagedBatch batch) {
        StagingBlock block = inFlight.remove(batch);
        if (block != null) {
            staging.recycle(block);
        }
        idle.add(batch);
    }

    /** Frees the hashes and the ledger, when the sink is closed and holds nothing any more. */
    public void free() {
        if (ledger != null) {
            ledger.close();
        }
        arena.close();
    }
}
