package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * An instant with known pages, and what its image must be, computed without the code under test.
 */
final class SampleImage {
    static final int PAGE = RunsBatch.PAGE;
    static final long HEAP = 0x10000000L;

    final Layout layout;
    final List<Missing> missing;
    final PageKind[] kinds;
    final byte[] bytes;

    SampleImage(Layout layout, List<Missing> missing, PageKind[] kinds, byte[] bytes) {
        this.layout = layout;
        this.missing = missing;
        this.kinds = kinds;
        this.bytes = bytes;
    }

    /** Two pages of a heap: one of ones, one of zeros. */
    static SampleImage tiny() {
        Region heap = region(HEAP, 2, RegionKind.ANONYMOUS, "[heap]", List.of(new Extent(0, 2, 0)));
        byte[] bytes = new byte[2 * PAGE];
        Arrays.fill(bytes, 0, PAGE, (byte) 1);
        PageKind[] kinds = {PageKind.DATA, PageKind.ZERO};
        return new SampleImage(layout(List.of(), List.of(heap)), List.of(), kinds, bytes);
    }

    /**
     * Three regions with gaps between and in their extents, pages of all kinds, lost pages listed.
     */
    static SampleImage random(Random random, int pages) {
        int first = 1 + random.nextInt(pages - 2);
        int second = first + 1 + random.nextInt(pages - first - 1);
        List<Region> regions =
                List.of(
                        region(
                                HEAP,
                                pages,
                                RegionKind.ANONYMOUS,
                                "[heap]",
                                List.of(new Extent(1, first, 0))),
                        region(
                                HEAP + (long) (pages + 3) * PAGE,
                                2L * pages + 10,
                                RegionKind.SHARED,
                                "/memfd:ring (deleted)",
                                List.of(
                                        new Extent(0, second - first, first),
                                        new Extent(pages + 2, pages - second, second))),
                        region(HEAP << 8, 4, RegionKind.DEVICE, "/dev/sample", List.of()));
        Layout layout = layout(List.of(), regions);
        PageLocator locator = new PageLocator(layout);
        PageKind[] kinds = new PageKind[pages];
        byte[] bytes = new byte[pages * PAGE];
        List<Missing> missing = new ArrayList<>();
        for (int page = 0; page < pages; page++) {
            kinds[page] =
                    switch (random.nextInt(8)) {
                        case 0, 1 -> PageKind.ZERO;
                        case 2 -> PageKind.LOST;
                        default -> PageKind.DATA;
                    };
            if (kinds[page] == PageKind.DATA) {
                byte[] content = new byte[PAGE];
                random.nextBytes(content);
                System.arraycopy(content, 0, bytes, page * PAGE, PAGE);
            } else if (kinds[page] == PageKind.LOST) {
                long address = locator.address(page);
                missing.add(
                        new Missing(
                                new AddressRange(address, address + PAGE),
                                "discarded by the process"));
            }
        }
        missing.add(new Missing(regions.getLast().range(), "memory of a device"));
        return new SampleImage(layout, missing, kinds, bytes);
    }

    static Region region(
            long start, long pages, RegionKind kind, String name, List<Extent> extents) {
        return region(start, pages, kind, name, extents, null);
    }

    static Region region(
            long start,
            long pages,
            RegionKind kind,
            String name,
            List<Extent> extents,
            @Nullable FileReference file) {
        AddressRange range = new AddressRange(start, start + pages * PAGE);
        return new Region(range, "rw-p", kind, name, 0, file, extents);
    }

    static Layout layout(List<ThreadState> threads, List<Region> regions) {
        Source source =
                new Source(
                        4711,
                        1,
                        4711,
                        4711,
                        1000,
                        1000,
                        "sample",
                        List.of("./sample", "--spin"),
                        "/opt/sample",
                        "host",
                        "x86_64",
                        "6.18.0");
        byte[] auxv = new byte[16]; // AT_NULL
        return new Layout(PAGE, 1_700_000_000_123_456_789L, source, auxv, threads, regions);
    }

    /** What the index must hold, made from the documentation. */
    PageRecords records() {
        return (firstOrdinal, count, into) ->
                into.put(recordBytes(), (int) firstOrdinal * 24, count * 24);
    }

    byte[] recordBytes() {
        ByteBuffer records = ByteBuffer.allocate(kinds.length * 24).order(ByteOrder.LITTLE_ENDIAN);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(PAGE);
            MemorySegment hash = arena.allocate(PageHash.BYTES);
            for (int ordinal = 0; ordinal < kinds.length; ordinal++) {
                records.putLong(kinds[ordinal].code());
                hash.fill((byte) 0);
                if (kinds[ordinal] == PageKind.DATA) {
                    MemorySegment.copy(bytes, ordinal * PAGE, page, ValueLayout.JAVA_BYTE, 0, PAGE);
                    new PageHash().hash(page, 0, PAGE, hash, 0);
                }
                records.put(hash.toArray(ValueLayout.JAVA_BYTE));
            }
        }
        return records.array();
    }

    Ending ending() throws IOException {
        return new Ending(missing, RootHash.of(layout, missing, records()));
    }

    /**
     * A run of pages of one kind and one extent, from {@code first}, of at most {@code most} pages.
     */
    int runEnd(int first, int most) {
        PageLocator locator = new PageLocator(layout);
        int end = first + 1;
        while (end < kinds.length
                && end - first < most
                && kinds[end] == kinds[first]
                && locator.inOneExtent(first, end + 1 - first)) {
            end++;
        }
        return end;
    }

    void addRun(RunsBatch batch, int first, int end) {
        if (kinds[first] == PageKind.DATA) {
            batch.addData(first, Arrays.copyOfRange(bytes, first * PAGE, end * PAGE));
        } else {
            batch.add(kinds[first], first, end - first);
        }
    }

    /** All pages in one batch, in order. */
    RunsBatch batch() {
        RunsBatch batch = new RunsBatch();
        for (int page = 0; page < kinds.length; ) {
            int end = runEnd(page, Integer.MAX_VALUE);
            addRun(batch, page, end);
            page = end;
        }
        return batch;
    }

    /** Writes and publishes it. */
    void write(Path image) throws IOException {
        try (ImageWriter writer = ImageWriter.createVerifying(image)) {
            writer.begin(layout);
            writer.accept(batch());
            writer.finish(ending());
        }
    }
}
