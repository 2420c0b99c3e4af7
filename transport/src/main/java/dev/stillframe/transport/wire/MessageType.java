package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.RootHash;

/**
 * The types of frames, with the lengths that their bodies can have. The numbers are frozen; 0 is
 * never a type.
 */
enum MessageType {
    HELLO(1, Lengths.HELLO_BYTES, Lengths.HELLO_BYTES + Limits.MAX_TEXT_BYTES),
    HELLO_ACK(2, 40, 40),
    LAYOUT(3, 17, 16 + Limits.PART_BYTES),
    BATCH(4, BatchFormat.FIXED_BYTES + BatchFormat.RUN_BYTES, Limits.MAX_BATCH_BODY_BYTES),
    DURABLE(5, 8, 8),
    MISSING(6, 17, 16 + Limits.PART_BYTES),
    END(7, 16 + RootHash.BYTES, 16 + RootHash.BYTES),
    PUBLISHED(8, RootHash.BYTES + 2, RootHash.BYTES + 2 + Limits.MAX_TEXT_BYTES),
    ERROR(9, 4, 4 + Limits.MAX_TEXT_BYTES),
    ABORT(10, 2, 2 + Limits.MAX_TEXT_BYTES),
    KEEP_ALIVE(11, 0, 0),
    BEGUN(12, 0, 0),
    CREDIT(13, 8, 8),
    ATTACH(
            14,
            12 + Limits.TOKEN_BYTES + Limits.NONCE_BYTES,
            12 + Limits.TOKEN_BYTES + Limits.NONCE_BYTES),
    ATTACHED(15, 0, 0),
    CHALLENGE(16, Limits.NONCE_BYTES, Limits.NONCE_BYTES),
    PROOF(17, Lengths.PROOF_BYTES, Lengths.PROOF_BYTES),
    PROVED(18, Lengths.PROOF_BYTES, Lengths.PROOF_BYTES),
    PING(19, 8, 8),
    PONG(20, 8, 8),
    READ(21, 8 + Limits.NONCE_BYTES + 2, 8 + Limits.NONCE_BYTES + 2 + Limits.MAX_TEXT_BYTES),
    FOUND(22, 16 + RootHash.BYTES, 16 + RootHash.BYTES),
    FETCH(23, 24, 24);

    /** Lengths that constants above cannot refer to in their own enum. */
    private static final class Lengths {
        static final int HELLO_BYTES =
                2
                        + 2
                        + 2
                        + 2
                        + 4
                        + 4
                        + 8
                        + 8
                        + 4
                        + 4
                        + Limits.TOKEN_BYTES
                        + Limits.NONCE_BYTES
                        + RootHash.BYTES
                        + RootHash.BYTES
                        + 2;
        static final int PROOF_BYTES = 32;
    }

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
