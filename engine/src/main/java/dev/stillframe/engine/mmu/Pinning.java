package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;

/**
 * Pins a range, moves all bytes at once, and unpins: direct I/O, which fails if it could not have
 * all of them, and process_vm_readv(2) and its like.
 */
final class Pinning implements Operation {
    private final Holding holding;
    private final PageHold pins;
    private final byte[] bytes;
    private final boolean toMemory;
    private final boolean allOrError;

    Pinning(
            Task task,
            EmulatedProcess target,
            long address,
            byte[] bytes,
            boolean toMemory,
            boolean allOrError) {
        this.allOrError = allOrError;
        this.pins = new PageHold(task.mmu(), Grab.PIN, address);
        this.holding = new Holding(target, Grab.PIN, address, bytes.length, toMemory, pins);
        this.bytes = bytes;
        this.toMemory = toMemory;
    }

    @Override
    public Outcome attempt(Task task) {
        Outcome held = holding.attempt(task);
        if (held instanceof Outcome.Done(long count)) {
            pins.transfer(bytes, (int) Math.max(0, count), toMemory);
            pins.release();
            if (allOrError && count >= 0 && count < bytes.length) {
                return Outcome.failed(Errno.EFAULT); // what could be had has been moved
            }
        }
        return held;
    }

    @Override
    public void abandon() {
        holding.abandon();
    }
}
