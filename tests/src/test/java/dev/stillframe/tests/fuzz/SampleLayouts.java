package dev.stillframe.tests.fuzz;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.util.List;

/** Layouts to begin with. */
final class SampleLayouts {
    private static final int PAGE = 4096;
    private static final long HEAP = 0x10000000L;

    private SampleLayouts() {}

    /** One region, all of it stored. */
    static Layout plain(int pageCount) {
        AddressRange range = new AddressRange(HEAP, HEAP + (long) pageCount * PAGE);
        Region heap =
                new Region(
                        range,
                        "rw-p",
                        RegionKind.ANONYMOUS,
                        "[heap]",
                        0,
                        null,
                        List.of(new Extent(0, pageCount, 0)));
        return layout(List.of(), List.of(heap));
    }

    /** All that a layout can have: threads, files, gaps between extents; five pages. */
    static Layout full(FileReference file) {
        ThreadState thread =
                new ThreadState(4711, "main", 11, 3, new byte[8], new byte[4], new byte[0]);
        List<Region> regions =
                List.of(
                        new Region(
                                new AddressRange(HEAP, HEAP + 8 * PAGE),
                                "rw-p",
                                RegionKind.ANONYMOUS,
                                "[heap]",
                                0,
                                null,
                                List.of(new Extent(1, 2, 0), new Extent(5, 1, 2))),
                        new Region(
                                new AddressRange(HEAP << 1, (HEAP << 1) + 4 * PAGE),
                                "r-xp",
                                RegionKind.PRIVATE_FILE,
                                file.path(),
                                0,
                                file,
                                List.of(new Extent(0, 2, 3))));
        return layout(List.of(thread), regions);
    }

    private static Layout layout(List<ThreadState> threads, List<Region> regions) {
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
        return new Layout(PAGE, 1, source, new byte[16], threads, regions);
    }
}
