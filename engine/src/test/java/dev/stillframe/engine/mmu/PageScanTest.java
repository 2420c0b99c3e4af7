package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.NEW;
import static dev.stillframe.engine.mmu.Machine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.PageScan.Region;
import dev.stillframe.engine.mmu.PageScan.Request;
import org.junit.jupiter.api.Test;

/** Asynchronous protection, and the scan that finds what was written. */
class PageScanTest {
    private final Machine m = new Machine(Feature.WP_ASYNC);
    private final long start = m.guarded(8);
    private final long end = start + 8 * PAGE;

    private PageScan.Result written(boolean protect) {
        return m.process.scan(Request.written(start, end, protect));
    }

    @Test
    void writesAreFoundOnceAndNobodyWaits() {
        m.expectSilentStore(start + 2 * PAGE);
        m.expectSilentStore(start + 3 * PAGE);
        m.expectSilentStore(start + 6 * PAGE);
        PageScan.Result first = written(true);
        assertThat(first.regions())
                .containsExactly(
                        new Region(start + 2 * PAGE, start + 4 * PAGE, PageScan.WRITTEN),
                        new Region(start + 6 * PAGE, start + 7 * PAGE, PageScan.WRITTEN));
        assertThat(first.walkEnd()).isEqualTo(end);
        assertThat(written(false).regions()).isEmpty();
        m.expectSilentStore(start + 2 * PAGE);
        assertThat(written(false).regions()).hasSize(1);
    }

    @Test
    void everyKindOfWriteIsFoundAndNoReadIs() {
        Task other = m.mmu.newProcess().task();
        m.task.transfers().directRead(start, new byte[PAGE]);
        other.transfers().processWrite(m.process, start + 2 * PAGE, new byte[PAGE]);
        other.transfers().poke(m.process, start + 4 * PAGE, new byte[] {NEW});
        m.task.transfers().directWrite(start + 6 * PAGE, new byte[PAGE]);
        other.transfers().peek(m.process, start + 7 * PAGE, new byte[1]);
        m.expectSilence();
        assertThat(written(false).regions())
                .extracting(Region::start)
                .containsExactly(start, start + 2 * PAGE, start + 4 * PAGE);
    }

    @Test
    void whatWasNeverProtectedOrWasDiscardedCountsAsWritten() {
        long empty = m.process.mapAnonymous(PAGE);
        m.register(empty, 1, Machine.WP);
        Request request = Request.written(empty, empty + PAGE, false);
        assertThat(m.process.scan(request).result()).isEqualTo(1);
        m.protect(empty, 1);
        assertThat(m.process.scan(request).result()).isZero();
        m.task.memory().advise(empty, PAGE, MemoryCalls.Advice.DONTNEED);
        assertThat(m.process.scan(request).result()).isEqualTo(1);
    }

    @Test
    void whereNothingEverWasNothingIsWrittenUnlessItIsRegistered() {
        long far = m.process.mapAnonymousAt(1L << 40, 2 * PAGE);
        Request request = Request.written(far, far + 2 * PAGE, false);
        Region both = new Region(far, far + 2 * PAGE, PageScan.WRITTEN);
        assertThat(m.process.scan(request).regions()).isEmpty();
        m.task.load(far, 1);
        assertThat(m.process.scan(request).regions())
                .as("its neighbour has an entry now")
                .containsExactly(both);
        m.task.memory().unmap(far, 2 * PAGE);
        m.process.mapAnonymousAt(far, 2 * PAGE);
        assertThat(m.process.scan(request).regions()).isEmpty();
        m.register(far, 2, Machine.WP);
        assertThat(m.process.scan(request).regions()).containsExactly(both);
    }

    @Test
    void protectingWithoutABufferIgnoresTheMasks() {
        m.expectSilentStore(start);
        long result =
                m.process
                        .scan(
                                new Request(
                                        start,
                                        end,
                                        PageScan.WP_MATCHING,
                                        0,
                                        0,
                                        0,
                                        PageScan.FILE,
                                        0,
                                        0))
                        .result();
        assertThat(result).isZero();
        assertThat(m.bits(start)).isEqualTo("P--WX");
    }

    @Test
    void aFullBufferAndAPageLimitStopTheWalk() {
        m.store(start);
        m.store(start + 2 * PAGE);
        m.store(start + 3 * PAGE);
        PageScan.Result full =
                m.process.scan(
                        new Request(
                                start,
                                end,
                                PageScan.WP_MATCHING,
                                1,
                                0,
                                0,
                                PageScan.WRITTEN,
                                0,
                                PageScan.WRITTEN));
        assertThat(full.result()).isEqualTo(1);
        assertThat(full.walkEnd()).isEqualTo(start + 2 * PAGE);
        assertThat(m.process.bits(start + 2 * PAGE).uffdWp())
                .as("not reported, not protected")
                .isFalse();
        PageScan.Result limited =
                m.process.scan(
                        new Request(
                                full.walkEnd(),
                                end,
                                0,
                                9,
                                1,
                                0,
                                PageScan.WRITTEN,
                                0,
                                PageScan.WRITTEN));
        assertThat(limited.walkEnd()).isEqualTo(start + 3 * PAGE);
    }

    @Test
    void memoryWithSynchronousProtectionIsNotChanged() {
        Machine sync = new Machine();
        long page = sync.guarded(1);
        sync.uffd.unprotect(page, PAGE);
        PageScan.Result skipped =
                sync.process.scan(
                        new Request(
                                page,
                                page + PAGE,
                                PageScan.WP_MATCHING,
                                1,
                                0,
                                0,
                                PageScan.WRITTEN,
                                0,
                                PageScan.WRITTEN));
        assertThat(skipped.result()).isZero();
        assertThat(sync.process.scan(Request.written(page, page + PAGE, true)).result())
                .isEqualTo(-Errno.EPERM.number());
        assertThat(sync.process.scan(Request.written(page, page + PAGE, false)).result())
                .isEqualTo(1);
        assertThat(sync.bits(page)).isEqualTo("P---X");
    }

    @Test
    void aHugePageThatIsWrittenSplits() {
        long huge = m.process.mapHuge(Mmu.HUGE_BYTES);
        m.fill(huge, 1);
        m.register(huge, 512, Machine.WP);
        m.protect(huge, 512);
        m.expectSilentStore(huge + 9 * PAGE);
        Request request = Request.written(huge, huge + Mmu.HUGE_BYTES, true);
        assertThat(m.process.scan(request).regions())
                .containsExactly(new Region(huge + 9 * PAGE, huge + 10 * PAGE, PageScan.WRITTEN));
    }

    @Test
    void nothingIsFoundInAProcessThatHasEnded() {
        m.process.exit();
        assertThat(written(false).result()).isEqualTo(-Errno.ESRCH.number());
    }
}
