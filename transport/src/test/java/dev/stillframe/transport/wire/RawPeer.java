package dev.stillframe.transport.wire;

import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An end of a connection that says whatever a test wants it to say. Reads wait at most 20 seconds.
 */
public final class RawPeer implements AutoCloseable {
    private static final int READ_MILLIS = 20_000;

    private final Socket socket;
    private @Nullable RawPeer lane;
    private final FrameReader reader = new FrameReader(BatchMemory.none());

    /** Takes the socket over. */
    public RawPeer(Socket socket) throws IOException {
        this.socket = socket;
        socket.setSoTimeout(READ_MILLIS);
    }

    /** Sends a message. */
    public RawPeer say(Message message) throws IOException {
        return say(Frames.of(message));
    }

    /** From now on batches go there. */
    public void withLane(RawPeer other) {
        lane = other;
    }

    /** Where batches go. */
    public RawPeer lane() {
        return Objects.requireNonNull(lane);
    }

    /** Sends bytes; batches on the lane, if there is one. */
    public RawPeer say(byte[] bytes) throws IOException {
        if (lane != null && bytes.length > 6 && bytes[6] == MessageType.BATCH.number()) {
            lane.say(bytes);
            return this;
        }
        socket.getOutputStream().write(bytes);
        return this;
    }

    /** Sends bytes as long as the other side lets it. */
    public void flood(byte[] bytes) {
        try {
            say(bytes);
        } catch (IOException e) {
            // That is what a receiver does to a flood: it closes.
            System.out.println("cut while flooding: " + e.getMessage());
        }
    }

    /** The next message that is not a keep-alive; null at the end of the stream. */
    public @Nullable Message hear() throws IOException, ProtocolException {
        InputStream in = socket.getInputStream();
        byte[] one = new byte[1];
        while (in.read(one) == 1) {
            Message message = reader.read(Unpooled.wrappedBuffer(one));
            if (message != null && !(message instanceof Message.KeepAlive)) {
                return message;
            }
        }
        return null;
    }

    /**
     * Skips keep-alives; the encoding of the batch that comes then, whose frame is not read to its
     * end.
     */
    public int hearEncoding() throws IOException, ProtocolException {
        InputStream in = socket.getInputStream();
        while (true) {
            FrameHeader header =
                    FrameHeader.get(
                            ByteBuffer.wrap(in.readNBytes(FrameHeader.BYTES))
                                    .order(ByteOrder.LITTLE_ENDIAN));
            if (header.type() == MessageType.BATCH) {
                return in.readNBytes(BatchFormat.FIXED_BYTES)[18];
            }
            in.skipNBytes(header.bodyBytes());
        }
    }

    /** Breaks the connections off, so that the other side gets a reset. */
    public void reset() throws IOException {
        if (lane != null) {
            lane.reset();
        }
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        if (lane != null) {
            lane.close();
        }
        socket.close();
    }
}
