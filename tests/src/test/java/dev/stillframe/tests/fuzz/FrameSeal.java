package dev.stillframe.tests.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** Makes magic and checksums right, so that changed frames are read beyond them. */
final class FrameSeal {
    static final int HEADER_BYTES = 20;

    private static final int MAGIC = 0x52465453;
    private static final int BATCH = 4;
    private static final int BATCH_FIXED_BYTES = 28;

    private FrameSeal() {}

    /** All frames of a stream, as far as there are whole headers. */
    static void seal(byte[] stream) {
        long start = 0;
        while (start + HEADER_BYTES <= stream.length) {
            ByteBuffer frame =
                    ByteBuffer.wrap(stream, (int) start, stream.length - (int) start)
                            .slice()
                            .order(ByteOrder.LITTLE_ENDIAN);
            seal(frame);
            start += HEADER_BYTES + Integer.toUnsignedLong(frame.getInt(8));
        }
    }

    private static void seal(ByteBuffer frame) {
        int body =
                (int)
                        Math.min(
                                Integer.toUnsignedLong(frame.getInt(8)),
                                frame.capacity() - HEADER_BYTES);
        CRC32C crc = new CRC32C();
        crc.update(frame.slice(HEADER_BYTES, checkedBytes(frame, body)));
        frame.putInt(0, MAGIC).putInt(12, (int) crc.getValue());
        crc.reset();
        crc.update(frame.slice(0, 16));
        frame.putInt(16, (int) crc.getValue());
    }

    /** Of a batch, the body's checksum is only over its tables. */
    private static int checkedBytes(ByteBuffer frame, int body) {
        if (frame.get(6) != BATCH || body < BATCH_FIXED_BYTES) {
            return body;
        }
        long runs = Short.toUnsignedLong(frame.getShort(HEADER_BYTES + 16));
        long hashes =
                Integer.toUnsignedLong(frame.getInt(HEADER_BYTES + 8))
                        + Integer.toUnsignedLong(frame.getInt(HEADER_BYTES + 24));
        return (int) Math.min(body, BATCH_FIXED_BYTES + runs * 24 + hashes * 16);
    }
}
