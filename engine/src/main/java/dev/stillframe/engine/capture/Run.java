package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;

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

    AddressRange range() {
        return new AddressRange(start(), start() + bytes());
    }

    void set(byte claim) {
        block.setRun(first, end, claim);
    }
}
