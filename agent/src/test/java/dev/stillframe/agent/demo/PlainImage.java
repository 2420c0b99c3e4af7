package dev.stillframe.agent.demo;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An image of a process's larger nameless mappings, read as they are: right only if the process is
 * stopped.
 */
final class PlainImage {
    private static final int PAGE = 4096;
    private static final long LEAST_BYTES = 1 << 20;
    private static final String NAMELESS = " rw-p 00000000 00:00 0 ";

    private final int pid;
    private final List<Region> regions = new ArrayList<>();
    private long pageCount;

    PlainImage(int pid) throws IOException {
        this.pid = pid;
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/maps"))) {
            if (!line.contains(NAMELESS)) {
                continue; // among them vsyscall, whose addresses are no positive numbers
            }
            AddressRange range = range(line.substring(0, line.indexOf(' ')));
            if (range.sizeBytes() >= LEAST_BYTES) {
                Extent extent = new Extent(0, range.sizeBytes() / PAGE, pageCount);
                regions.add(
                        new Region(
                                range, "rw-p", RegionKind.ANONYMOUS, "", 0, null, List.of(extent)));
                pageCount = extent.endOrdinal();
            }
        }
    }

    /** How a mapping is read. */
    @FunctionalInterface
    interface Reading {
        void read(int pid, long address, MemorySegment into) throws IOException;
    }

    /** Copies every page into the sink, finishes it, and returns how many there were. */
    long copy(PageSink sink, Reading reading) throws IOException {
        Source source =
                new Source(pid, 1, 1, 1, 0, 0, "java", List.of(), "/java", "host", "x86_64", "6");
        Layout layout = new Layout(PAGE, 0, source, new byte[0], List.of(), regions);
        ByteBuffer records =
                ByteBuffer.allocate(Math.toIntExact(pageCount * PageRecords.RECORD_BYTES))
                        .order(ByteOrder.LITTLE_ENDIAN);
        sink.begin(layout);
        for (Region region : regions) {
            try (Arena arena = Arena.ofConfined()) {
                OneRun run = new OneRun(region, arena);
                reading.read(pid, region.range().start(), run.data);
                run.hash(records);
                sink.accept(run);
            }
        }
        PageRecords known =
                (first, count, into) ->
                        into.put(
                                records.array(),
                                Math.toIntExact(first * PageRecords.RECORD_BYTES),
                                count * PageRecords.RECORD_BYTES);
        sink.finish(new Ending(List.of(), RootHash.of(layout, List.of(), known)));
        return pageCount;
    }

    private static AddressRange range(String text) {
        int dash = text.indexOf('-');
        return new AddressRange(
                Long.parseLong(text, 0, dash, 16),
                Long.parseLong(text, dash + 1, text.length(), 16));
    }

    /** A whole region as one run. */
    private static final class OneRun implements PageBatch {
        private final Extent extent;
        private final MemorySegment data;
        private final MemorySegment hashes;

        OneRun(Region region, Arena arena) {
            this.extent = region.extents().getFirst();
            this.data = arena.allocate(region.range().sizeBytes(), PAGE);
            this.hashes = arena.allocate(extent.pageCount() * PageHash.BYTES);
        }

        void hash(ByteBuffer records) {
            PageHash hasher = new PageHash();
            for (long page = 0; page < extent.pageCount(); page++) {
                hasher.hash(data, page * PAGE, PAGE, hashes, page * PageHash.BYTES);
                records.putLong(PageKind.DATA.code())
                        .put(
                                hashes.asSlice(page * PageHash.BYTES, PageHash.BYTES)
                                        .toArray(ValueLayout.JAVA_BYTE));
            }
        }

        @Override
        public int runCount() {
            return 1;
        }

        @Override
        public PageKind kind(int run) {
            return PageKind.DATA;
        }

        @Override
        public long firstOrdinal(int run) {
            return extent.firstOrdinal();
        }

        @Override
        public long pageCount(int run) {
            return extent.pageCount();
        }

        @Override
        public MemorySegment data(int run) {
            return data;
        }

        @Override
        public MemorySegment hashes(int run) {
            return hashes;
        }

        @Override
        public long dataBytes() {
            return data.byteSize();
        }

        @Override
        public void release() {}
    }
}
