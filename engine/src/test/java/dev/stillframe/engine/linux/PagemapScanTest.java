package dev.stillframe.engine.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the kernel says of memory of this very process. */
class PagemapScanTest {
    private static final int PAGE = 4096;

    private record Run(long start, long end) {}

    /** The kernel hands runs on by 512, and a caller's buffer is full after 2048. */
    @ParameterizedTest
    @ValueSource(ints = {1, 511, 512, 513, 1000, 2047, 2048, 2049, 5000})
    void everyRunIsVisitedOnceAndInOrder(int runs) throws Exception {
        try (SharedMemory memory = SharedMemory.create("test", 2L * runs * PAGE);
                PagemapScan scan = PagemapScan.of(Math.toIntExact(ProcessHandle.current().pid()))) {
            long start = memory.segment().address();
            List<Run> expected = new ArrayList<>();
            for (int i = 0; i < runs; i++) {
                memory.segment().set(ValueLayout.JAVA_BYTE, 2L * i * PAGE, (byte) 1);
                expected.add(new Run(start + 2L * i * PAGE, start + (2L * i + 1) * PAGE));
            }
            List<Run> visited = new ArrayList<>();
            scan.scan(
                    start,
                    start + 2L * runs * PAGE,
                    new PagemapScan.Query(PagemapScan.PRESENT, 0, 0, PagemapScan.PRESENT),
                    (from, to, _) -> visited.add(new Run(from, to)));
            assertThat(visited).isEqualTo(expected);
        }
    }

    @Test
    void memoryThatHasGoneIsNotTakenForEmpty() throws Exception {
        Process process = new ProcessBuilder("sleep", "1000").start();
        try (PagemapScan scan = PagemapScan.of(Math.toIntExact(process.pid()))) {
            process.destroyForcibly().waitFor();
            assertThatThrownBy(
                            () ->
                                    scan.scan(
                                            PAGE,
                                            2L * PAGE,
                                            new PagemapScan.Query(
                                                    PagemapScan.PRESENT, 0, 0, PagemapScan.PRESENT),
                                            (from, to, categories) -> {}))
                    .isInstanceOfSatisfying(
                            ErrnoException.class, e -> assertThat(e.is(Errno.ESRCH)).isTrue());
        } finally {
            process.destroyForcibly();
        }
    }
}
