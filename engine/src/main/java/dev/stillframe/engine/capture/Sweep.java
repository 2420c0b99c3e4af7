package dev.stillframe.engine.capture;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Copies what faults have not yet asked for, in large pieces, block by block; the blocks with the most hot pages first,
 * because there the next faults will be. Shared by all workers.
 */
final class Sweep implements Work {
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

    @Override
    public boolean step(Worker worker) throws IOException {
        int hole = holes.getAndIncrement();
        if (hole < blocks.size()) { // first of all: writes to empty pages need not wait for anything
            worker.releaseHoles(blocks.get(hole), 0, Block.PAGES);
            return true;
        }
        int stepsPerBlock = Block.PAGES / PAGES_PER_STEP;
        int step = next.getAndIncrement();
        if (step >= blocks.size() * stepsPerBlock) {
            worker.copier().flush();
            return false;
        }
        Block block = blocks.get(step / stepsPerBlock);
        int first = step % stepsPerBlock * PAGES_PER_STEP;
        if (block.isHuge()) {
            if (first > 0) {
                return true; // done whole in its first step
            }
            worker.copier().copyClean(block, 0, Block.PAGES);
        } else {
            worker.copier().copyClean(block, first, first + PAGES_PER_STEP);
        }
        capture.probe.at("sweep: copied");
        return true;
    }
}
