package dev.stillframe.tests.image;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An image in memory, and the strictest of sinks: every page must come exactly once, with the right
 * hash, and the root hash must be that of the pages. Owned by one thread at a time.
 */
public class MemoryImage implements PageSink {
    private final Arena arena = Arena.ofShared();
    private final PageHash hash = new PageHash();
    private @Nullable Layout layout;
    private @Nullable Ending ending;
    private MemorySegment pages = MemorySegment.NULL;
    private MemorySegment hashes = MemorySegment.NULL;
    private byte[] kinds = new byte[0];
    private final BitSet inRound = new BitSet();
    private boolean aborted;

    @Override
    public void begin(Layout announced) throws IOException {
        require(layout == null, "a second begin");
        layout = announced;
        makeRoom(announced.ordinalCount());
    }

    @Override
    public void amend(Layout announced) throws IOException {
        require(announced.pageSizeBytes() == layout().pageSizeBytes(), "another page size");
        byte[] knownKinds = kinds;
        MemorySegment knownPages = pages;
        MemorySegment knownHashes = hashes;
        layout = announced;
        inRound.clear();
        if (announced.ordinalCount() > kinds.length) {
            makeRoom(announced.ordinalCount() * 2);
            System.arraycopy(knownKinds, 0, kinds, 0, knownKinds.length);
            pages.copyFrom(knownPages);
            hashes.copyFrom(knownHashes);
        }
    }

    private void makeRoom(long ordinals) {
        int count = Math.toIntExact(ordinals);
        int pageSizeBytes = layout().pageSizeBytes();
        kinds = new byte[count];
        pages = arena.allocate(Math.max(1, (long) count * pageSizeBytes), 4096);
        hashes = arena.allocate(Math.max(1, (long) count * PageHash.BYTES), 8);
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        try {
            require(batch.runCount() > 0, "a batch without runs");
            long dataBytes = 0;
            for (int run = 0; run < batch.runCount(); run++) {
                dataBytes += acceptRun(batch, run);
            }
            require(dataBytes == batch.dataBytes(), "a batch that miscounts its bytes");
        } finally {
            batch.release();
        }
    }

    private long acceptRun(PageBatch batch, int run) throws IOException {
        PageKind kind = batch.kind(run);
        long first = batch.firstOrdinal(run);
        long count = batch.pageCount(run);
        require(kind != PageKind.UNKNOWN, "a run of kind UNKNOWN");
        require(
                first >= 0 && count > 0 && first + count <= kinds.length,
                "a run outside the layout");
        for (long ordinal = first; ordinal < first + count; ordinal++) {
            require(!inRound.get((int) ordinal), "page " + ordinal + " twice in a round");
            inRound.set((int) ordinal);
            kinds[(int) ordinal] = (byte) kind.code();
        }
        if (kind != PageKind.DATA) { // of what came in a round before nothing is left
            pages.asSlice(first * layout().pageSizeBytes(), count * layout().pageSizeBytes())
                    .fill((byte) 0);
            hashes.asSlice(first * PageHash.BYTES, count * PageHash.BYTES).fill((byte) 0);
        }
        return kind == PageKind.DATA
                ? acceptData(batch.data(run), batch.hashes(run), first, count)
                : 0;
    }

    private long acceptData(MemorySegment data, MemorySegment given, long first, long count)
            throws IOException {
        long pageSize = layout().pageSizeBytes();
        require(
                data.byteSize() == count * pageSize && data.address() % pageSize == 0,
                "misplaced data");
        require(given.byteSize() == count * PageHash.BYTES, "misplaced hashes");
        pages.asSlice(first * pageSize, count * pageSize).copyFrom(data);
        for (long page = 0; page < count; page++) {
            long at = (first + page) * PageHash.BYTES;
            hash.hash(pages, (first + page) * pageSize, pageSize, hashes, at);
            require(
                    given.asSlice(page * PageHash.BYTES, PageHash.BYTES)
                                    .mismatch(hashes.asSlice(at, PageHash.BYTES))
                            < 0,
                    "a wrong hash of page " + (first + page));
        }
        return data.byteSize();
    }

    @Override
    public String finish(Ending finished) throws IOException {
        require(!aborted && ending == null, "finish after the end");
        for (Region region : layout().regions()) {
            for (Extent extent : region.extents()) {
                for (long ordinal = extent.firstOrdinal();
                        ordinal < extent.endOrdinal();
                        ordinal++) {
                    require(
                            kinds[(int) ordinal] != PageKind.UNKNOWN.code(),
                            "page " + ordinal + " never came");
                }
            }
        }
        PageRecords records = this::copyRecords;
        byte[] root = RootHash.of(layout(), finished.missing(), records);
        require(Arrays.equals(root, finished.rootHash()), "a wrong root hash");
        ending = finished;
        return "memory:" + HexFormat.of().formatHex(root);
    }

    @Override
    public void abort(String reason) {
        aborted = true;
    }

    /** Does nothing: the memory is the test's until {@link #free()}. */
    @Override
    public void close() {}

    /** Gives the memory back. */
    public void free() {
        arena.close();
    }

    /** Whether it is complete and was published. */
    public boolean isPublished() {
        return ending != null;
    }

    /** What was announced. */
    public Layout layout() {
        if (layout == null) {
            throw new IllegalStateException("no layout was announced");
        }
        return layout;
    }

    /** How it ended. */
    public Ending ending() {
        if (ending == null) {
            throw new IllegalStateException("not published");
        }
        return ending;
    }

    /** The region that holds {@code address}. */
    public Optional<Region> region(long address) {
        return layout().regions().stream()
                .filter(region -> region.range().contains(address))
                .findFirst();
    }

    /** What is known of the page at {@code address}; empty where the image accounts for none. */
    public Optional<PageKind> kind(long address) {
        long ordinal = ordinal(address);
        return ordinal < 0 ? Optional.empty() : Optional.of(PageKind.of(kinds[(int) ordinal]));
    }

    /** Whether {@code address} is listed as missing. */
    public boolean isMissing(long address) {
        return ending().missing().stream().anyMatch(missing -> missing.range().contains(address));
    }

    /** The bytes of {@code range}, valid until {@link #free()}; pages without data are zero. */
    public MemorySegment read(AddressRange range) {
        MemorySegment bytes = arena.allocate(range.sizeBytes(), 4096);
        List<Region> regions =
                layout().regions().stream()
                        .filter(region -> region.range().overlaps(range))
                        .toList();
        for (Region region : regions) {
            for (Extent extent : region.extents()) {
                copyExtent(region, extent, range, bytes);
            }
        }
        return bytes;
    }

    private void copyExtent(Region region, Extent extent, AddressRange range, MemorySegment into) {
        long pageSize = layout().pageSizeBytes();
        long extentStart = region.range().start() + extent.firstPage() * pageSize;
        long start = Math.max(range.start(), extentStart);
        long end = Math.min(range.end(), extentStart + extent.pageCount() * pageSize);
        if (start < end) {
            long from = extent.firstOrdinal() * pageSize + start - extentStart;
            into.asSlice(start - range.start(), end - start)
                    .copyFrom(pages.asSlice(from, end - start));
        }
    }

    private long ordinal(long address) {
        long pageSize = layout().pageSizeBytes();
        for (Region region : layout().regions()) {
            if (region.range().contains(address)) {
                long page = (address - region.range().start()) / pageSize;
                for (Extent extent : region.extents()) {
                    if (page >= extent.firstPage()
                            && page < extent.firstPage() + extent.pageCount()) {
                        return extent.firstOrdinal() + page - extent.firstPage();
                    }
                }
            }
        }
        return -1;
    }

    private void copyRecords(long firstOrdinal, int count, ByteBuffer into) {
        into.order(ByteOrder.LITTLE_ENDIAN);
        for (long ordinal = firstOrdinal; ordinal < firstOrdinal + count; ordinal++) {
            into.putLong(kinds[(int) ordinal]);
            into.put(hashes.asSlice(ordinal * PageHash.BYTES, PageHash.BYTES).asByteBuffer());
        }
    }

    private static void require(boolean held, String broken) throws IOException {
        if (!held) {
            throw new IOException("the engine sent " + broken);
        }
    }
}
