package dev.stillframe.tests.fuzz;

import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Gives a stream to a {@link FrameReader} as sockets do, in pieces. Owned by one thread. */
final class PiecewiseReader implements AutoCloseable {
    private final byte[] stream;
    private final FrameReader reader;
    private final @Nullable SplittableRandom pieces;
    private int position;

    /** With the pieces that {@code seed} makes; all in one if it is 0. */
    PiecewiseReader(byte[] stream, BatchMemory memory, int seed) {
        this.stream = stream;
        this.reader = new FrameReader(memory);
        this.pieces = seed == 0 ? null : new SplittableRandom(seed);
    }

    /** The next message; null at the end of the stream. */
    @Nullable Message next() throws ProtocolException {
        while (position < stream.length) {
            Message message = piece();
            if (message != null) {
                return message;
            }
        }
        return null;
    }

    /** How many bytes of the stream are read. */
    int position() {
        return position;
    }

    private @Nullable Message piece() throws ProtocolException {
        int length = stream.length - position;
        if (pieces == null) {
            return read(length);
        }
        length = Math.min(length, pieces.nextInt(1, 1 << pieces.nextInt(2, 13)));
        ByteBuffer direct = reader.directTarget();
        if (direct == null || pieces.nextBoolean()) {
            return read(length);
        }
        int count = Math.min(length, direct.remaining());
        direct.slice().put(stream, position, count);
        position += count;
        return reader.written(count);
    }

    private @Nullable Message read(int length) throws ProtocolException {
        ByteBuf in = Unpooled.wrappedBuffer(stream, position, length);
        try {
            return reader.read(in);
        } finally {
            position += length - in.readableBytes();
        }
    }

    @Override
    public void close() {
        reader.close();
    }
}
