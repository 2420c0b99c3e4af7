package dev.stillframe.tests.fuzz;

import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;

/** Batches in memory that is used again, a few at once. Owned by one thread. */
final class BatchBuffers implements BatchMemory {
    private static final int BUFFERS = 3;

    private final Deque<BatchBuffer> idle = new ArrayDeque<>();

    /** Takes its memory from {@code arena}. */
    BatchBuffers(Arena arena) {
        for (int i = 0; i < BUFFERS; i++) {
            idle.add(new BatchBuffer(arena, idle::push));
        }
    }

    @Override
    public BatchBuffer acquire() throws ProtocolException {
        if (idle.isEmpty()) {
            throw new ProtocolException(ErrorCode.LIMIT, "no credit");
        }
        return idle.pop();
    }

    /** Checks that nobody has kept one, or given it back twice. */
    void checkAllReleased() {
        if (idle.size() != BUFFERS || idle.stream().distinct().count() != BUFFERS) {
            throw new AssertionError("%d buffers of %d are back".formatted(idle.size(), BUFFERS));
        }
    }
}
