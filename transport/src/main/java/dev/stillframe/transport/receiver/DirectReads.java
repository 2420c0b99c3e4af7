package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.FrameReader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultMaxMessagesRecvByteBufAllocator;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Lets the socket write page contents where they belong, without a buffer between; everything else
 * is read in small pieces. One for each connection, owned by its event loop. Not for connections
 * with encryption, whose bytes are not the reader's.
 */
final class DirectReads extends DefaultMaxMessagesRecvByteBufAllocator {
    /**
     * The tables of a batch, which stand before its contents, have at most this or a little more.
     */
    private static final int PIECE_BYTES = 32 << 10;

    private @Nullable FrameReader reader;
    private @Nullable ByteBuf direct;

    /** From now on contents are written to the places that {@code frames} says. */
    void attach(FrameReader frames) {
        reader = frames;
    }

    /** The connection has ended: its memory is not to be written any more. */
    void detach() {
        reader = null;
    }

    /** Whether {@code read} was written where it belongs. */
    @SuppressWarnings("ReferenceEquality") // equal contents are not the same place
    boolean isDirect(ByteBuf read) {
        return read == direct;
    }

    @Override
    @SuppressWarnings("deprecation") // the super class names it so
    public Handle newHandle() {
        return new MaxMessageHandle() {
            @Override
            public int guess() {
                return PIECE_BYTES;
            }

            @Override
            public ByteBuf allocate(ByteBufAllocator allocator) {
                ByteBuffer target = reader == null ? null : reader.directTarget();
                direct = target == null ? null : Unpooled.wrappedBuffer(target.slice()).clear();
                return direct == null ? allocator.ioBuffer(PIECE_BYTES) : direct;
            }
        };
    }
}
