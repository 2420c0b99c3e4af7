package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;

/**
 * A document that goes out part by part as it is written, so that it is never in memory as a whole.
 * Owned by one thread.
 */
final class PartStream extends OutputStream {
    private final long totalBytes;
    private final PartSink sink;
    private final byte[] part = new byte[Limits.PART_BYTES];
    private int filled;
    private long sentBytes;

    /** Where the parts go. */
    @FunctionalInterface
    interface PartSink {
        void send(Message.Part part) throws IOException;
    }

    /** Of a document of {@code totalBytes}. */
    PartStream(long totalBytes, PartSink sink) {
        this.totalBytes = totalBytes;
        this.sink = sink;
    }

    @Override
    public void write(int single) throws IOException {
        write(new byte[] {(byte) single}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        int done = 0;
        while (done < length) {
            int count = Math.min(length - done, part.length - filled);
            System.arraycopy(bytes, offset + done, part, filled, count);
            filled += count;
            done += count;
            if (filled == part.length) {
                send();
            }
        }
    }

    private void send() throws IOException {
        sink.send(new Message.Part(totalBytes, sentBytes, Arrays.copyOf(part, filled)));
        sentBytes += filled;
        filled = 0;
    }

    /** Sends the last part, unless it was full. */
    void finish() throws IOException {
        if (filled > 0) {
            send();
        }
        if (sentBytes != totalBytes) {
            throw new IllegalStateException(
                    "a document of %d bytes, not %d".formatted(sentBytes, totalBytes));
        }
    }
}
