package dev.stillframe.transport.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * What stands before every body. It has a checksum of its own, so that the length is trusted before
 * the body is there. Immutable.
 *
 * @param type what the body is
 * @param bodyBytes length of the body, possible for the type
 * @param bodyChecksum CRC32C of the body; of a batch, of all but the contents of its pages
 */
record FrameHeader(MessageType type, int bodyBytes, int bodyChecksum) {
    /**
     * Magic u32, version u16, type u8, flags u8, body length u32, CRC32C of the body, CRC32C of the
     * 16 bytes before.
     */
    static final int BYTES = 20;

    private static final int CHECKED_BYTES = 16;

    /** The bytes {@code STFR}. */
    private static final int MAGIC = 0x52465453;

    /** Puts the header at the position of {@code out}, which is little-endian and has an array. */
    void put(ByteBuffer out) {
        int start = out.position();
        out.putInt(MAGIC).putShort((short) Limits.VERSION).put(type.number()).put((byte) 0);
        out.putInt(bodyBytes).putInt(bodyChecksum);
        out.putInt(checksum(out, start));
    }

    /** Takes a header from the position of {@code in}, which is little-endian and has an array. */
    static FrameHeader get(ByteBuffer in) throws ProtocolException {
        int start = in.position();
        int magic = in.getInt();
        if (magic != MAGIC) {
            throw new ProtocolException(
                    ErrorCode.MALFORMED,
                    "not a Stillframe frame: it begins with %08x"
                            .formatted(Integer.reverseBytes(magic)));
        }
        int version = Short.toUnsignedInt(in.getShort());
        int type = Byte.toUnsignedInt(in.get());
        int flags = Byte.toUnsignedInt(in.get());
        int bodyBytes = in.getInt();
        int bodyChecksum = in.getInt();
        if (in.getInt() != checksum(in, start)) {
            throw new ProtocolException(ErrorCode.MALFORMED, "the header of a frame is damaged");
        }
        if (version != Limits.VERSION) {
            throw new ProtocolException(
                    ErrorCode.VERSION,
                    "a frame of protocol version %d; this side speaks %d"
                            .formatted(version, Limits.VERSION));
        }
        if (flags != 0) {
            throw new ProtocolException(
                    ErrorCode.UNSUPPORTED, "flags %02x; 0 is known".formatted(flags));
        }
        MessageType known = MessageType.of(type);
        known.checkBodyBytes(Integer.toUnsignedLong(bodyBytes));
        return new FrameHeader(known, bodyBytes, bodyChecksum);
    }

    /** An empty buffer for one header. */
    static ByteBuffer buffer() {
        return ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int checksum(ByteBuffer buffer, int start) {
        CRC32C crc = new CRC32C();
        crc.update(buffer.array(), buffer.arrayOffset() + start, CHECKED_BYTES);
        return (int) crc.getValue();
    }
}
