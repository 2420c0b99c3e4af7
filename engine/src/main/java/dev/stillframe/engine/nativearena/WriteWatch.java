package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.linux.Userfaultfd.Feature;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.util.BitSet;

/**
 * The kernel's marks of what was written to a range of this very process: write protection that the
 * kernel itself takes away, page by page, at the first write (userfaultfd with {@code WP_ASYNC}).
 * No thread ever waits for anybody, so it may be used where the process that faults is the one that
 * asks. Owned by one thread at a time.
 *
 * <p>Not seen are writes that do not go through this mapping, as those of a device into pages that
 * it holds.
 */
final class WriteWatch implements AutoCloseable {
    private final AddressRange range;
    private final Userfaultfd userfaultfd;
    private final PagemapScan pages;

    private WriteWatch(AddressRange range, Userfaultfd userfaultfd, PagemapScan pages) {
        this.range = range;
        this.userfaultfd = userfaultfd;
        this.pages = pages;
    }

    /**
     * Begins: every write to a page that comes after this call is seen.
     *
     * @throws IOException if the kernel cannot (Linux 6.7), or if another userfaultfd has the range
     */
    static WriteWatch start(AddressRange range) throws IOException {
        Userfaultfd userfaultfd = Userfaultfd.create();
        try {
            userfaultfd.enable(
                    Feature.WP_HUGETLBFS_SHMEM, Feature.WP_UNPOPULATED, Feature.WP_ASYNC);
            userfaultfd.register(range);
            return begin(
                    range,
                    userfaultfd,
                    PagemapScan.of(Math.toIntExact(ProcessHandle.current().pid())));
        } catch (IOException | RuntimeException | Error e) {
            userfaultfd.close();
            throw e;
        }
    }

    private static WriteWatch begin(AddressRange range, Userfaultfd userfaultfd, PagemapScan pages)
            throws IOException {
        try {
            WriteWatch watch = new WriteWatch(range, userfaultfd, pages);
            watch.takeWritten(); // what was never protected counts as written, and is protected
            // by this
            return watch;
        } catch (IOException | RuntimeException | Error e) {
            pages.close();
            throw e;
        }
    }

    /**
     * The pages that were written since they were last taken, by number within the range. A write
     * is in exactly one such set: its page is marked again in the same step.
     *
     * @throws IOException if the range is not watched any more
     */
    BitSet takeWritten() throws IOException {
        BitSet written = new BitSet();
        pages.takeWritten(
                range.start(),
                range.end(),
                (start, end, _) -> written.set(pageOf(start), pageOf(end)));
        return written;
    }

    private int pageOf(long address) {
        return Math.toIntExact((address - range.start()) / PageHistory.PAGE_BYTES);
    }

    /** Takes all marks away. */
    @Override
    public void close() {
        pages.close();
        userfaultfd.close();
    }
}
