package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ProtocolException;

import java.lang.foreign.Arena;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.function.LongConsumer;

/**
 * The memory of one session's window: as many buffers as batches may be on the way, made when they
 * are first needed. Buffers are acquired by one thread and may be released by any.
 */
final class BatchBuffers implements BatchMemory, AutoCloseable {
    private final int window;
    private final LongConsumer onRelease;
    private final LongConsumer memory;
    private final Arena arena = Arena.ofShared();
    private final ArrayBlockingQueue<BatchBuffer> idle;
    private int made;

    /**
     * Allocates nothing yet.
     *
     * @param onRelease told the batch's sequence on the releasing thread, when the buffer is idle
     *     again
     * @param memory told of every change, in bytes
     */
    BatchBuffers(int window, LongConsumer onRelease, LongConsumer memory) {
        this.window = window;
        this.onRelease = onRelease;
        this.memory = memory;
        this.idle = new ArrayBlockingQueue<>(window);
    }

    @Override
    public BatchBuffer acquire() throws ProtocolException {
        BatchBuffer buffer = idle.poll();
        if (buffer != null) {
            return buffer;
        }
        if (made == window) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "more than %d batches on the way, which is the window".formatted(window));
        }
        made++;
        memory.accept(BatchBuffer.MEMORY_BYTES);
        return new BatchBuffer(arena, this::released);
    }

    private void released(BatchBuffer buffer) {
        long sequence = buffer.sequence(); // before somebody else has the buffer
        idle.add(buffer);
        onRelease.accept(sequence);
    }

    /** Frees the memory; every buffer has been released. Called once. */
    @Override
    public void close() {
        arena.close();
        memory.accept(-made * BatchBuffer.MEMORY_BYTES);
    }
}
