package dev.stillframe.transport;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An image on the heap, as strict as a sink must be. Owned by one thread at a time; its results may
 * be read by any.
 */
public final class MemorySink implements PageSink {
    private final String name;
    private final PageHash hasher = new PageHash();
    private @Nullable Layout layout;
    private byte[] pages = new byte[0];
    private byte[] hashes = new byte[0];
    private byte[] kinds = new byte[0];
    private @Nullable String abortReason;
    private volatile boolean published;
    private volatile CountDownLatch gate = new CountDownLatch(0);

    /** The first ordinals of all batches, in the order in which they came. */
    public final List<Long> order = new CopyOnWriteArrayList<>();

    /** How it ended: the reason of an abort, or an empty string. Complete once it is closed. */
    public final CompletableFuture<String> closed = new CompletableFuture<>();

    public MemorySink(String name) {
        this.name = name;
    }

    @Override
    public void begin(Layout announced) {
        layout = announced;
        int count = Math.toIntExact(announced.ordinalCount());
        kinds = new byte[count];
        pages = new byte[count * announced.pageSizeBytes()];
        hashes = new byte[count * PageHash.BYTES];
    }

    @Override
    public void amend(Layout announced) {
        layout = announced;
        int count = Math.toIntExact(announced.ordinalCount());
        kinds = Arrays.copyOf(kinds, Math.max(count, kinds.length));
        pages = Arrays.copyOf(pages, kinds.length * announced.pageSizeBytes());
        hashes = Arrays.copyOf(hashes, kinds.length * PageHash.BYTES);
    }

    /** From now on accept waits. */
    public void hold() {
        gate = new CountDownLatch(1);
    }

    /** Ends the waiting. */
    public void letGo() {
        gate.countDown();
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        try {
            if (!gate.await(60, TimeUnit.SECONDS)) {
                throw new IOException("held for ever");
            }
            order.add(batch.firstOrdinal(0));
            for (int run = 0; run < batch.runCount(); run++) {
                take(batch, run);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            batch.release();
        }
    }

    private void take(PageBatch batch, int run) throws IOException {
        int first = Math.toIntExact(batch.firstOrdinal(run));
        int count = Math.toIntExact(batch.pageCount(run));
        for (int ordinal = first; ordinal < first + count; ordinal++) {
            kinds[ordinal] = (byte) batch.kind(run).code();
        }
        if (batch.kind(run) == PageKind.DATA) {
            takeData(batch.data(run), batch.hashes(run), first, count);
        }
    }

    private void takeData(MemorySegment data, MemorySegment given, int first, int count)
            throws IOException {
        int size = layout().pageSizeBytes();
        if (data.address() % size != 0 || data.byteSize() != (long) count * size) {
            throw new IOException("data at " + data);
        }
        MemorySegment.ofArray(pages).asSlice((long) first * size, data.byteSize()).copyFrom(data);
        MemorySegment own = MemorySegment.ofArray(hashes);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment hash = arena.allocate(PageHash.BYTES, Long.BYTES);
            for (int page = 0; page < count; page++) {
                hasher.hash(data, (long) page * size, size, hash, 0);
                if (given.asSlice((long) page * PageHash.BYTES, PageHash.BYTES).mismatch(hash)
                        >= 0) {
                    throw new ImageFormatException("page " + (first + page) + " has a wrong hash");
                }
                own.asSlice((long) (first + page) * PageHash.BYTES, PageHash.BYTES).copyFrom(hash);
            }
        }
    }

    @Override
    public String finish(Ending ending) throws IOException {
        byte[] root = RootHash.of(layout(), ending.missing(), this::records);
        if (!Arrays.equals(root, ending.rootHash())) {
            throw new ImageFormatException("another root hash");
        }
        published = true;
        return "memory/" + name;
    }

    @Override
    public void abort(String reason) {
        abortReason = reason;
    }

    @Override
    public void close() {
        closed.complete(abortReason == null ? "" : abortReason);
    }

    /** Whether it was finished. */
    public boolean isPublished() {
        return published;
    }

    /** All pages, by ordinal. */
    public byte[] pages() {
        return pages;
    }

    /** Kinds of all pages, by ordinal. */
    public byte[] kinds() {
        return kinds;
    }

    /** What was announced. */
    public Layout layout() {
        if (layout == null) {
            throw new IllegalStateException("no layout");
        }
        return layout;
    }

    private void records(long firstOrdinal, int count, ByteBuffer into) {
        into.order(ByteOrder.LITTLE_ENDIAN);
        for (int ordinal = (int) firstOrdinal; ordinal < firstOrdinal + count; ordinal++) {
            into.putLong(kinds[ordinal]).put(hashes, ordinal * PageHash.BYTES, PageHash.BYTES);
        }
    }
}
