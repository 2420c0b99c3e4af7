package dev.stillframe.engine.tracking;

import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.linux.Userfaultfd.Feature;
import dev.stillframe.engine.memory.AddressRange;
import java.lang.foreign.MemorySegment;

/**
 * A userfaultfd whose faults are read.
 *
 * @param userfaultfd not yet enabled; closed with this
 */
public record KernelTracker(Userfaultfd userfaultfd) implements WriteTracker {
    @Override
    public void enable() throws ErrnoException {
        userfaultfd.enable(
                Feature.PAGEFAULT_FLAG_WP,
                Feature.EVENT_REMAP,
                Feature.EVENT_REMOVE,
                Feature.EVENT_UNMAP,
                Feature.WP_HUGETLBFS_SHMEM,
                Feature.WP_UNPOPULATED);
    }

    @Override
    public void register(AddressRange range) throws ErrnoException {
        userfaultfd.register(range);
    }

    @Override
    public long unregister(long start, long bytes) {
        return userfaultfd.unregister(start, bytes);
    }

    @Override
    public long protect(long start, long bytes) {
        return userfaultfd.protect(start, bytes);
    }

    @Override
    public long unprotect(long start, long bytes) {
        return userfaultfd.unprotect(start, bytes);
    }

    @Override
    public long wake(long start, long bytes) {
        return userfaultfd.wake(start, bytes);
    }

    @Override
    public int read(MemorySegment into) {
        return userfaultfd.read(into);
    }

    @Override
    public void await(long timeoutNanos) {
        userfaultfd.await(timeoutNanos);
    }

    @Override
    public void release() throws ErrnoException {
        userfaultfd.release();
    }

    @Override
    public void close() {
        userfaultfd.close();
    }
}
