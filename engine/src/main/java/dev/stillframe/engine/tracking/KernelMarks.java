package dev.stillframe.engine.tracking;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.linux.Userfaultfd.Feature;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;

/**
 * A userfaultfd with {@code WP_ASYNC}, and the page map by which its marks are read; both closed
 * with this.
 */
public record KernelMarks(Userfaultfd userfaultfd, PagemapScan pagemap) implements WriteMarks {
    /** Of this very process: nobody waits for anybody, so that is allowed. */
    public static KernelMarks ofThisProcess() throws IOException {
        Userfaultfd userfaultfd = Userfaultfd.create();
        boolean done = false;
        try {
            KernelMarks marks =
                    new KernelMarks(
                            userfaultfd,
                            PagemapScan.of(Math.toIntExact(ProcessHandle.current().pid())));
            done = true;
            return marks;
        } finally {
            if (!done) {
                userfaultfd.close();
            }
        }
    }

    @Override
    public void enable() throws IOException {
        userfaultfd.enable(Feature.WP_HUGETLBFS_SHMEM, Feature.WP_UNPOPULATED, Feature.WP_ASYNC);
    }

    @Override
    public void register(AddressRange range) throws IOException {
        userfaultfd.register(range);
    }

    @Override
    public long unregister(long start, long bytes) {
        return userfaultfd.unregister(start, bytes);
    }

    @Override
    public void take(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException {
        pagemap.take(start, end, query, visitor);
    }

    @Override
    public void close() {
        pagemap.close();
        userfaultfd.close();
    }
}
