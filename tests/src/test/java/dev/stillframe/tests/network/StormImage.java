package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.Verification;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An image made of a seed: some regions with holes, and in their extents runs of pages with data,
 * without, and lost ones; in a child, also such as are in its parent. Its contents are made when
 * they are needed. Immutable.
 */
final class StormImage {
    static final int PAGE = 4096;
    private static final int MAX_RUN_PAGES = 64;
    private static final int MAX_BATCH_PAGES = 512;
    private static final String REASON = "discarded";

    private final long seed;
    private final @Nullable StormImage parent;
    private final Layout layout;
    private final List<Run> runs;
    private final List<Missing> missing;
    private final byte[] records;

    /** Pages of one kind in one extent. */
    record Run(PageKind kind, int first, int count) {}

    private StormImage(long seed, @Nullable StormImage parent, Layout layout, List<Run> runs)
            throws IOException {
        this.seed = seed;
        this.parent = parent;
        this.layout = layout;
        this.runs = runs;
        this.missing =
                runs.stream()
                        .filter(run -> run.kind() == PageKind.LOST)
                        .map(run -> new Missing(range(layout, run), REASON))
                        .toList();
        this.records = records();
    }

    /** The image of a seed with {@code pageCount} pages. */
    static StormImage of(long seed, int pageCount) throws IOException {
        Random random = new Random(seed);
        List<Region> regions = new ArrayList<>();
        List<Run> runs = new ArrayList<>();
        long address = 0x10000000;
        for (int ordinal = 0; ordinal < pageCount; ) {
            List<Extent> extents = new ArrayList<>();
            int page = 0;
            for (int left = 1 + random.nextInt(4); left > 0 && ordinal < pageCount; left--) {
                page += random.nextInt(10);
                int count = Math.min(pageCount - ordinal, 1 + random.nextInt(1 + pageCount / 3));
                extents.add(new Extent(page, count, ordinal));
                addRuns(runs, ordinal, count, random);
                page += count;
                ordinal += count;
            }
            long pages = (long) page + random.nextInt(20);
            AddressRange range = new AddressRange(address, address + pages * PAGE);
            String name = regions.isEmpty() ? "[heap]" : "";
            regions.add(new Region(range, "rw-p", RegionKind.ANONYMOUS, name, 0, null, extents));
            address = range.end() + random.nextInt(100) * (long) PAGE;
        }
        return new StormImage(seed, null, layout(regions), runs);
    }

    /** The same pages, some with other contents, and the others said to be in {@code parent}. */
    static StormImage childOf(StormImage parent, long seed) throws IOException {
        Random random = new Random(seed);
        List<Run> runs = new ArrayList<>();
        for (Run run : parent.runs) {
            boolean inParent = run.kind() == PageKind.DATA && random.nextInt(3) > 0;
            runs.add(inParent ? new Run(PageKind.IN_PARENT, run.first(), run.count()) : run);
        }
        return new StormImage(seed, parent, parent.layout, runs);
    }

    /** Null if it has none. */
    @Nullable StormImage parent() {
        return parent;
    }

    /** In hexadecimal. */
    String rootHash() throws IOException {
        return HexFormat.of().formatHex(ending().rootHash());
    }

    private static void addRuns(List<Run> runs, int first, int count, Random random) {
        for (int at = first; at < first + count; ) {
            int length = Math.min(first + count - at, 1 + random.nextInt(MAX_RUN_PAGES));
            int dice = random.nextInt(10);
            PageKind kind = dice < 6 ? PageKind.DATA : dice < 9 ? PageKind.ZERO : PageKind.LOST;
            runs.add(new Run(kind, at, length));
            at += length;
        }
    }

    private static Layout layout(List<Region> regions) {
        Source source =
                new Source(
                        1,
                        0,
                        1,
                        1,
                        0,
                        0,
                        "storm",
                        List.of("storm"),
                        "/bin/storm",
                        "host",
                        "x86_64",
                        "6.18");
        return new Layout(PAGE, 1, source, new byte[16], List.of(), regions);
    }

    /** Pages in it. */
    int pageCount() {
        return Math.toIntExact(layout.pageCount());
    }

    /** Bytes of its data pages. */
    long dataBytes() {
        return runs.stream()
                .filter(run -> run.kind() == PageKind.DATA)
                .mapToLong(run -> (long) run.count() * PAGE)
                .sum();
    }

    /** The right ending. */
    Ending ending() throws IOException {
        return new Ending(missing, RootHash.of(layout, missing, this::copyRecords));
    }

    /**
     * All of it, in an order that {@code order} decides, in batches of about {@code limit} pages.
     */
    List<List<Run>> batches(Random order, int limit) {
        List<Run> shuffled = new ArrayList<>(runs);
        Collections.shuffle(shuffled, order);
        List<List<Run>> batches = new ArrayList<>();
        List<Run> batch = new ArrayList<>();
        int pages = 0;
        for (Run run : shuffled) {
            if (!batch.isEmpty() && pages + run.count() > limit) {
                batches.add(batch);
                batch = new ArrayList<>();
                pages = 0;
            }
            batch.add(run);
            pages += run.count();
        }
        batches.add(batch);
        return batches;
    }

    /** Sends all of it; where it was published. Batches in memory are counted in {@code live}. */
    String send(PageSink sink, Random order, AtomicInteger live) throws IOException {
        return send(sink, order, 1 + order.nextInt(MAX_BATCH_PAGES), live);
    }

    /** The same in batches of about {@code limit} pages. */
    String send(PageSink sink, Random order, int limit, AtomicInteger live) throws IOException {
        sink.begin(layout);
        for (List<Run> batch : batches(order, limit)) {
            sink.accept(new StormBatch(this, batch, live));
        }
        return sink.finish(ending());
    }

    /** Copies the contents of a run of data pages. */
    void copyContents(Run run, MemorySegment data) {
        for (int page = 0; page < run.count(); page++) {
            MemorySegment.copy(
                    MemorySegment.ofArray(contents(run.first() + page, run.kind())),
                    0,
                    data,
                    (long) page * PAGE,
                    PAGE);
        }
    }

    /** Copies the hashes of a run of pages that have them. */
    void copyHashes(Run run, MemorySegment hashes) {
        for (int page = 0; page < run.count(); page++) {
            MemorySegment.copy(
                    MemorySegment.ofArray(hash(run.first() + page)),
                    0,
                    hashes,
                    (long) page * PageHash.BYTES,
                    PageHash.BYTES);
        }
    }

    /** Never all zero: noise, one word again and again, or a few words in zeros. */
    private byte[] contents(int ordinal, PageKind kind) {
        if (kind == PageKind.IN_PARENT && parent != null) {
            return parent.contents(ordinal, PageKind.DATA);
        }
        Random random = new Random(seed * 31 + ordinal);
        byte[] page = new byte[PAGE];
        switch (random.nextInt(3)) {
            case 0 -> random.nextBytes(page);
            case 1 -> {
                ByteBuffer words = ByteBuffer.wrap(page);
                long word = random.nextLong() | 1;
                while (words.hasRemaining()) {
                    words.putLong(word);
                }
            }
            default -> {
                for (int i = 0; i < 20; i++) {
                    page[random.nextInt(PAGE)] = (byte) (1 + random.nextInt(255));
                }
            }
        }
        return page;
    }

    private byte[] records() {
        byte[] all = new byte[pageCount() * PageRecords.RECORD_BYTES];
        PageHash hasher = new PageHash();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment hash = arena.allocate(PageHash.BYTES, Long.BYTES);
            MemorySegment page = arena.allocate(PAGE, PAGE);
            ByteBuffer into = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN);
            for (Run run : runs) {
                for (int ordinal = run.first(); ordinal < run.first() + run.count(); ordinal++) {
                    into.putLong(run.kind().content().code());
                    hash.fill((byte) 0);
                    if (run.kind().hasHash()) {
                        page.copyFrom(MemorySegment.ofArray(contents(ordinal, run.kind())));
                        hasher.hash(page, 0, PAGE, hash, 0);
                    }
                    into.put(hash.asByteBuffer());
                }
            }
        }
        return all;
    }

    private byte[] hash(int ordinal) {
        byte[] hash = new byte[PageHash.BYTES];
        System.arraycopy(
                records, ordinal * PageRecords.RECORD_BYTES + Long.BYTES, hash, 0, PageHash.BYTES);
        return hash;
    }

    private void copyRecords(long firstOrdinal, int count, ByteBuffer into) {
        into.put(
                records,
                Math.toIntExact(firstOrdinal) * PageRecords.RECORD_BYTES,
                count * PageRecords.RECORD_BYTES);
    }

    /** Fails unless what lies at {@code place} is this image, to the last byte. */
    void assertExactAt(Path place) throws IOException {
        Verification verification = ImageVerifier.verify(place, (_, _) -> {});
        assertThat(verification.damages()).isEmpty();
        assertThat(verification.pages()).isEqualTo(pageCount());
        try (ImageReader reader = ImageReader.open(place);
                Arena arena = Arena.ofConfined()) {
            assertThat(Json.MAPPER.writeValueAsBytes(reader.layout()))
                    .isEqualTo(Json.MAPPER.writeValueAsBytes(layout));
            assertThat(reader.missing()).isEqualTo(missing);
            assertThat(reader.rootHash()).isEqualTo(ending().rootHash());
            MemorySegment page = arena.allocate(PAGE, PAGE);
            for (Run run : runs) {
                for (int ordinal = run.first(); ordinal < run.first() + run.count(); ordinal++) {
                    assertExact(reader, run.kind(), ordinal, page);
                }
            }
        }
    }

    private void assertExact(ImageReader reader, PageKind kind, int ordinal, MemorySegment page)
            throws IOException {
        assertThat(reader.kind(ordinal)).as("page %d", ordinal).isEqualTo(kind.content());
        assertThat(reader.hash(ordinal)).as("page %d", ordinal).isEqualTo(hash(ordinal));
        AddressRange range = range(layout, new Run(kind, ordinal, 1));
        List<Missing> unread = reader.read(range, page);
        if (kind == PageKind.LOST) {
            assertThat(unread).hasSize(1);
            return;
        }
        assertThat(unread).isEmpty();
        byte[] expected = kind.hasHash() ? contents(ordinal, kind) : new byte[PAGE];
        assertThat(page.mismatch(MemorySegment.ofArray(expected)))
                .as("the first wrong byte of page %d", ordinal)
                .isEqualTo(-1);
    }

    private static AddressRange range(Layout layout, Run run) {
        for (Region region : layout.regions()) {
            for (Extent extent : region.extents()) {
                if (run.first() >= extent.firstOrdinal() && run.first() < extent.endOrdinal()) {
                    long page = extent.firstPage() + run.first() - extent.firstOrdinal();
                    long start = region.range().start() + page * PAGE;
                    return new AddressRange(start, start + (long) run.count() * PAGE);
                }
            }
        }
        throw new IllegalArgumentException("no extent of " + run);
    }

    @Override
    public String toString() {
        return "StormImage[seed=%d, pages=%d, runs=%d]".formatted(seed, pageCount(), runs.size());
    }
}
