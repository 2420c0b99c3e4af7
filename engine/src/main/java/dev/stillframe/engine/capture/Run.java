package dev.stillframe.engine.capture;

/** Consecutive pages of one block. Immutable; the claims that it leads to are not. */
record Run(Block block, int first, int end) {
    int count() {
        return end - first;
    }

    long start() {
        return block.address(first);
    }

    long bytes() {
        return (long) count() * Block.PAGE_BYTES;
    }

    void set(byte claim) {
        block.setRun(first, end, claim);
    }
}
