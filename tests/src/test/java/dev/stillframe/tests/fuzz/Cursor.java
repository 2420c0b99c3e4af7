package dev.stillframe.tests.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The numbers that an input chooses; zeros behind its end. Owned by one thread. */
final class Cursor {
    private final ByteBuffer in;

    /** Begins with the first byte. */
    Cursor(byte[] input) {
        in = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN);
    }

    boolean hasMore() {
        return in.hasRemaining();
    }

    /** 0 to 255. */
    int next() {
        return in.hasRemaining() ? Byte.toUnsignedInt(in.get()) : 0;
    }

    /** 0 to 65535. */
    int nextShort() {
        return next() | next() << 8;
    }

    /** As many bytes as the next byte says, or what is left. */
    byte[] nextBytes() {
        return nextBytes(next());
    }

    /** {@code count} bytes, or what is left. */
    byte[] nextBytes(int count) {
        byte[] bytes = new byte[Math.min(count, in.remaining())];
        in.get(bytes);
        return bytes;
    }
}
