package dev.stillframe.transport.wire;

/**
 * How much of a document has come. Immutable.
 *
 * @param totalBytes its length; 0 before the first part
 * @param receivedBytes what is there
 */
public record Collected(long totalBytes, long receivedBytes) {
    /** Before the first part. */
    public static final Collected NOTHING = new Collected(0, 0);

    /**
     * One part more.
     *
     * @throws ProtocolException if it is not the next one of the same document
     */
    public Collected with(Message.Part part) throws ProtocolException {
        if (part.offset() != receivedBytes
                || (receivedBytes > 0 && part.totalBytes() != totalBytes)) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "a part at %d of %d bytes after %d of %d; parts come in order"
                            .formatted(
                                    part.offset(), part.totalBytes(), receivedBytes, totalBytes));
        }
        return new Collected(part.totalBytes(), receivedBytes + part.bytes().length);
    }
}
