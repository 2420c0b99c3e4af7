package dev.stillframe.transport;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * An image to be sent: stretches of random pages, of text, of pages that repeat, and of zeros, in
 * one region.
 *
 * @param layout one region with one extent
 * @param pages all pages by ordinal
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record SampleImage(Layout layout, byte[] pages) {
    private static final int PAGE = SampleBatch.PAGE;

    /** Pages of one kind that lie together. */
    private static final int STRETCH = 16;

    /** An image of {@code pageCount} pages. */
    public static SampleImage of(int pageCount, Random random) {
        byte[] pages = new byte[pageCount * PAGE];
        for (int first = 0; first < pageCount; first += STRETCH) {
            if (first / STRETCH % 4 != 3) {
                byte[] stretch = new byte[Math.min(STRETCH, pageCount - first) * PAGE];
                fill(stretch, first / STRETCH % 4, random);
                System.arraycopy(stretch, 0, pages, first * PAGE, stretch.length);
            }
        }
        return new SampleImage(layout(pageCount), pages);
    }

    private static void fill(byte[] stretch, int kind, Random random) {
        random.nextBytes(stretch);
        for (int i = 0; kind > 0 && i < stretch.length; i++) {
            stretch[i] = kind == 1 ? (byte) (stretch[i] & 7) : stretch[i / PAGE % 3];
        }
    }

    /** A layout with one extent of {@code pageCount} pages. */
    public static Layout layout(long pageCount) {
        AddressRange range = new AddressRange(0x10000000, 0x10000000 + pageCount * PAGE);
        Region region =
                new Region(
                        range,
                        "rw-p",
                        RegionKind.ANONYMOUS,
                        "[heap]",
                        0,
                        null,
                        List.of(new Extent(0, pageCount, 0)));
        Source source =
                new Source(
                        1,
                        0,
                        1,
                        1,
                        0,
                        0,
                        "sample",
                        List.of("sample"),
                        "/bin/sample",
                        "host",
                        "x86_64",
                        "6.18");
        return new Layout(PAGE, 1, source, new byte[16], List.of(), List.of(region));
    }

    /** Batches of {@code pagesPerBatch} pages; the caller owns them. */
    public List<SampleBatch> batches(int pagesPerBatch) {
        List<SampleBatch> batches = new ArrayList<>();
        int count = pages.length / PAGE;
        for (int first = 0; first < count; first += pagesPerBatch) {
            batches.add(batch(first, Math.min(count, first + pagesPerBatch)));
        }
        return batches;
    }

    /** One batch with the pages from {@code first} to before {@code end}. */
    public SampleBatch batch(int first, int end) {
        SampleBatch batch = new SampleBatch();
        int at = first;
        while (at < end) {
            int next = Math.min(end, (at / STRETCH + 1) * STRETCH);
            if (isZero(at)) {
                batch.add(PageKind.ZERO, at, next - at);
            } else {
                byte[] bytes = new byte[(next - at) * PAGE];
                System.arraycopy(pages, at * PAGE, bytes, 0, bytes.length);
                batch.addData(at, bytes);
            }
            at = next;
        }
        return batch;
    }

    /** The right ending. */
    public Ending ending() throws IOException {
        return new Ending(List.of(), RootHash.of(layout, List.of(), this::records));
    }

    /** Sends all of it through {@code sink}; where it was published. */
    public String send(PageSink sink, int pagesPerBatch) throws IOException {
        sink.begin(layout);
        int count = pages.length / PAGE;
        for (int first = 0; first < count; first += pagesPerBatch) {
            sink.accept(batch(first, Math.min(count, first + pagesPerBatch)));
        }
        return sink.finish(ending());
    }

    private static boolean isZero(int ordinal) {
        return ordinal / STRETCH % 4 == 3;
    }

    private void records(long firstOrdinal, int count, ByteBuffer into) {
        into.order(ByteOrder.LITTLE_ENDIAN);
        PageHash hasher = new PageHash();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(PAGE, PAGE);
            MemorySegment hash = arena.allocate(PageHash.BYTES, Long.BYTES);
            for (int ordinal = (int) firstOrdinal; ordinal < firstOrdinal + count; ordinal++) {
                into.putLong((isZero(ordinal) ? PageKind.ZERO : PageKind.DATA).code());
                page.copyFrom(MemorySegment.ofArray(pages).asSlice((long) ordinal * PAGE, PAGE));
                hasher.hash(page, 0, PAGE, hash, 0);
                into.put((isZero(ordinal) ? hash.fill((byte) 0) : hash).asByteBuffer());
            }
        }
    }
}
