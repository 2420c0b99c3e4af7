package dev.stillframe.engine.conformance.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.stillframe.engine.linux.NativeMemory;
import dev.stillframe.engine.linux.PagemapScan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicLong;

/** What this kernel puts where a hole of anonymous memory is read. */
final class ZeroPageProbe {
    /** Whether it is the page of zeros that all share, and not memory. */
    static final boolean IS_MAPPED = isMapped();

    private static final int PAGE_BYTES = 4096;

    private ZeroPageProbe() {}

    private static boolean isMapped() {
        try (NativeMemory hole = NativeMemory.map(PAGE_BYTES);
                PagemapScan own = PagemapScan.of(Math.toIntExact(ProcessHandle.current().pid()))) {
            AtomicLong found = new AtomicLong(hole.segment().get(JAVA_BYTE, 0)); // zero
            long start = hole.segment().address();
            own.scan(
                    start,
                    start + PAGE_BYTES,
                    new PagemapScan.Query(0, 0, PagemapScan.PRESENT, PagemapScan.PFNZERO),
                    (_, _, categories) -> found.set(categories));
            return (found.get() & PagemapScan.PFNZERO) != 0;
        } catch (IOException e) {
            throw new UncheckedIOException("a process may always look at its own page map", e);
        }
    }
}
