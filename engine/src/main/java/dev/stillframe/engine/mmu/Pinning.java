package dev.stillframe.engine.mmu;

/** Pins a range, moves all bytes at once, and unpins: direct I/O, and process_vm_readv(2) and its like. */
final class Pinning implements Operation {
    private final Holding holding;
    private final PageHold pins;
    private final byte[] bytes;
    private final boolean toMemory;

    Pinning(
            Task task, EmulatedProcess target, long address, byte[] bytes, boolean toMemory, boolean allOrNothing) {
        this.pins = new PageHold(task.mmu(), Grab.PIN, address);
        this.holding = new Holding(target, Grab.PIN, address, bytes.length, toMemory, pins, allOrNothing);
        this.bytes = bytes;
        this.toMemory = toMemory;
    }

    @Override
    public Outcome attempt(Task task) {
        Outcome held = holding.attempt(task);
        if (held instanceof Outcome.Done(long count)) {
            pins.transfer(bytes, (int) Math.max(0, count), toMemory);
            pins.release();
        }
        return held;
    }

    @Override
    public void abandon() {
        holding.abandon();
    }
}
