package dev.stillframe.tests.emulated;

import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.Feature;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.PageScan;
import dev.stillframe.engine.mmu.Userfault;
import dev.stillframe.engine.tracking.WriteMarks;
import java.io.IOException;

/** The model's marks behind the interface of the kernel's. Used by one thread at a time. */
final class EmulatedMarks implements WriteMarks {
    private final Mmu mmu;
    private final Userfault userfault;
    private final Scan scan;
    private boolean closed;

    /** The model's PAGEMAP_SCAN. */
    @FunctionalInterface
    interface Scan {
        void scan(
                long start,
                long end,
                PagemapScan.Query query,
                long flags,
                PagemapScan.Visitor visitor)
                throws IOException;
    }

    EmulatedMarks(Mmu mmu, Userfault userfault, Scan scan) {
        this.mmu = mmu;
        this.userfault = userfault;
        this.scan = scan;
    }

    @Override
    public void enable() throws IOException {
        check(
                userfault
                        .api(Feature.WP_HUGETLBFS_SHMEM, Feature.WP_UNPOPULATED, Feature.WP_ASYNC)
                        .result(),
                "UFFDIO_API");
    }

    @Override
    public void register(AddressRange range) throws IOException {
        check(
                userfault.register(range.start(), range.sizeBytes(), Userfault.MODE_WP),
                "UFFDIO_REGISTER " + range);
    }

    private static void check(long result, String call) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException(call + " (emulated)", (int) -result);
        }
    }

    @Override
    public long unregister(long start, long bytes) {
        return mmu.inTurn(() -> userfault.unregister(start, bytes));
    }

    @Override
    public void take(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException {
        scan.scan(start, end, query, PageScan.WP_MATCHING, visitor);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            userfault.close();
        }
    }
}
