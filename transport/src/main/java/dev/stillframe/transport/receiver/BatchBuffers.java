package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.BatchBuffer;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongConsumer;

/**
 * The receiver's memory for batches: made when it is first needed, used again, and given back to
 * the system when no session is left. How much there can be is bounded by the {@link Credits}.
 * Thread-safe.
 */
final class BatchBuffers {
    private final LongConsumer memory;
    private final Deque<Slot> idle = new ArrayDeque<>();
    private int sessions;

    /** {@code memory} is told of every change, in bytes. */
    BatchBuffers(LongConsumer memory) {
        this.memory = memory;
    }

    /** A buffer, and whom to tell when it is released. */
    private static final class Slot {
        private final Arena arena = Arena.ofShared();
        private final BatchBuffer buffer;
        private Runnable onRelease = () -> {};

        private Slot(BatchBuffers pool) {
            buffer = new BatchBuffer(arena, _ -> pool.released(this));
        }
    }

    /** An unused buffer; {@code onRelease} is told on the releasing thread. */
    BatchBuffer acquire(Runnable onRelease) {
        Slot slot;
        synchronized (this) {
            slot = idle.poll();
        }
        if (slot == null) {
            slot = new Slot(this);
            memory.accept(BatchBuffer.MEMORY_BYTES);
        }
        slot.onRelease = onRelease;
        return slot.buffer;
    }

    private void released(Slot slot) {
        Runnable told = slot.onRelease; // before somebody else has the buffer
        synchronized (this) {
            idle.push(slot); // the one that is still in the processor's cache comes first
            trim();
        }
        told.run();
    }

    private void trim() {
        while (sessions == 0 && !idle.isEmpty()) {
            idle.pop().arena.close();
            memory.accept(-BatchBuffer.MEMORY_BYTES);
        }
    }

    synchronized void opened() {
        sessions++;
    }

    /** All buffers of a session are released. */
    synchronized void closed() {
        sessions--;
        trim();
    }
}
