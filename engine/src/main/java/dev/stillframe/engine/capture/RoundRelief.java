package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.ProcessMemory;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Target;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts right what marking leaves in the target's page tables, when the marks are gone. The kernel
 * splits a huge page at its first write, and leaves shared memory read-only until the next one.
 */
final class RoundRelief {
    private static final Logger LOG = LoggerFactory.getLogger(RoundRelief.class);

    private final Target target;

    /** Blocks that were one huge page each when they were first taken. */
    private final Set<Long> huge = new LinkedHashSet<>();

    RoundRelief(Target target) {
        this.target = target;
    }

    /** Notes which whole blocks of a run of huge pages there are. */
    void wasHuge(long start, long end) {
        for (long at = Block.startOf(start + Block.BYTES - 1);
                at + Block.BYTES <= end;
                at += Block.BYTES) {
            huge.add(at);
        }
    }

    /**
     * Makes those huge that were, 0.6 ms each, as the last thing: nobody waits for it but who first
     * touches memory meanwhile. Not all will be: some have gone, or there is no memory in one
     * piece.
     */
    void makeHuge() {
        int made = 0;
        for (long block : huge) {
            made += target.makeHuge(block) ? 1 : 0;
        }
        LOG.debug("{} of {} huge pages are huge again", made, huge.size());
    }

    /** Half a microsecond a page. */
    void makeWritable(List<MarkedMemory.Found> found) {
        for (MarkedMemory.Found each : found) {
            PageRuns runs = each.content();
            for (int run = 0;
                    each.mapping().kind() == RegionKind.SHARED && run < runs.count();
                    run++) {
                for (long at = runs.start(run); at < runs.end(run); ) {
                    long end = Math.min(runs.end(run), at + ProcessMemory.WRITABLE_BYTES);
                    target.makeWritable(at, end - at);
                    at = end;
                }
            }
        }
    }
}
