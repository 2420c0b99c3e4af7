package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.tracking.KernelMarks;
import java.io.IOException;
import java.util.BitSet;

/**
 * The marks of what was written to one range of this very process. Owned by one thread at a time.
 */
final class WriteWatch implements AutoCloseable {
    private final AddressRange range;
    private final KernelMarks marks;

    private WriteWatch(AddressRange range, KernelMarks marks) {
        this.range = range;
        this.marks = marks;
    }

    /**
     * Begins: every write to a page that comes after this call is seen.
     *
     * @throws IOException if the kernel cannot (Linux 6.7), or if another userfaultfd has the range
     */
    static WriteWatch start(AddressRange range) throws IOException {
        WriteWatch watch = new WriteWatch(range, KernelMarks.ofThisProcess());
        boolean done = false;
        try {
            watch.marks.enable();
            watch.marks.register(range);
            watch.takeWritten(); // what was never marked counts as written, and is marked by this
            done = true;
            return watch;
        } finally {
            if (!done) {
                watch.close();
            }
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
        marks.pagemap()
                .takeWritten(
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
        marks.close();
    }
}
