package dev.stillframe.engine.capture;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Copies what faults have not yet asked for, in large pieces, block by block; the blocks with the
 * most hot pages first, because there the next faults will be. Each worker has a share.
 */
final class Sweep {
    /** Pages between two looks at the faults. */
    static final int PAGES_PER_STEP = 64;

    private final Capture capture;
    private final List<Block> blocks;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger holes = new AtomicInteger();

    Sweep(Capture capture, List<Block> hottestFirst) {
        this.capture = capture;
        this.blocks = List.copyOf(hottestFirst);
    }

    /** The work of one worker; together the shares are all of it. */
    Work share() {
        return new Share();
    }

    /**
     * Takes block after block, so that what lies side by side in memory does so in staging, and is
     * written in one.
     */
    private final class Share implements Work {
        private @Nullable Block block;
        private int first;

        @Override
        public boolean isHeldUp() {
            return capture.staging.isScarce()
                    && holes.get() >= blocks.size(); // holes need no staging
        }

        @Override
        public boolean step(Worker worker) throws IOException {
            int hole = holes.getAndIncrement();
            if (hole < blocks.size()) { // first of all: writes to empty pages need not wait for
                // anything
                capture.probe.at("sweep: release holes");
                worker.releaseHoles(blocks.get(hole), 0, Block.PAGES);
                return true;
            }
            if (block == null) {
                int index = next.getAndIncrement();
                if (index >= blocks.size()) {
                    worker.copier().flush();
                    return false;
                }
                block = blocks.get(index);
                first = 0;
            }
            copySome(worker, block);
            capture.probe.at("sweep: copied");
            return true;
        }

        private void copySome(Worker worker, Block from) throws IOException {
            // Where each release waits for the target's own calls to pause, few of them cost faults
            // the least.
            boolean inOne = from.isHuge() || worker.protection().wasHeldUp();
            int end = inOne ? Block.PAGES : first + PAGES_PER_STEP;
            worker.copier().copyClean(from, first, end);
            first = end;
            if (end == Block.PAGES) {
                block = null;
            }
        }
    }
}
