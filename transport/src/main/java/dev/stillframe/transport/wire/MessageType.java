package dev.stillframe.transport.wire;

/**
 * The types of frames, with the lengths that their bodies can have. The numbers are frozen; 0 is
 * never a type.
 */
enum MessageType {
    HELLO(1, 34, 34 + Limits.MAX_TEXT_BYTES),
    HELLO_ACK(2, 44, 44),
    LAYOUT(3, 17, 16 + Limits.PART_BYTES),
    BATCH(4, BatchFormat.FIXED_BYTES + BatchFormat.RUN_BYTES, Limits.MAX_BATCH_BODY_BYTES),
    BATCH_ACK(5, 8, 8),
    MISSING(6, 17, 16 + Limits.PART_BYTES),
    END(7, 48, 48),
    PUBLISHED(8, 34, 34 + Limits.MAX_TEXT_BYTES),
    ERROR(9, 4, 4 + Limits.MAX_TEXT_BYTES),
    ABORT(10, 2, 2 + Limits.MAX_TEXT_BYTES),
    KEEP_ALIVE(11, 0, 0);

    private final int number;
    private final int minBodyBytes;
    private final int maxBodyBytes;

    MessageType(int number, int minBodyBytes, int maxBodyBytes) {
        this.number = number;
        this.minBodyBytes = minBodyBytes;
        this.maxBodyBytes = maxBodyBytes;
    }

    byte number() {
        return (byte) number;
    }

    int maxBodyBytes() {
        return maxBodyBytes;
    }

    static MessageType of(int number) throws ProtocolException {
        for (MessageType type : values()) {
            if (type.number == number) {
                return type;
            }
        }
        throw new ProtocolException(ErrorCode.MALFORMED, "no message has the type " + number);
    }

    /** Refuses a length before anything is allocated for it; {@code bodyBytes} is unsigned. */
    void checkBodyBytes(long bodyBytes) throws ProtocolException {
        if (bodyBytes < minBodyBytes || bodyBytes > maxBodyBytes) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "%s with a body of %d bytes; %d to %d are possible"
                            .formatted(this, bodyBytes, minBodyBytes, maxBodyBytes));
        }
    }
}
