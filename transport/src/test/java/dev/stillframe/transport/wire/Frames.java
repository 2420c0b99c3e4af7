package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.SampleBatch;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/** Frames as bytes: those of the document, and such as no sender of ours makes. */
public final class Frames {
    private Frames() {}

    /** A message of every type but BATCH, by the name that its example has in the document. */
    static Map<String, Message> examples() {
        byte[] root = bytes(RootHash.BYTES, 0);
        Map<String, Message> messages = new LinkedHashMap<>();
        byte[] token = bytes(Limits.TOKEN_BYTES, 0x40);
        byte[] nonce = bytes(Limits.NONCE_BYTES, 0x60);
        byte[] mac = bytes(32, 0x80);
        messages.put(
                "HELLO",
                new Message.Hello(
                        4,
                        4,
                        4,
                        30_000,
                        256L << 20,
                        258,
                        2,
                        token,
                        nonce,
                        new byte[32],
                        bytes(RootHash.BYTES, 0xa0),
                        "cache-1"));
        messages.put("CHALLENGE", new Message.Challenge(nonce));
        messages.put("PROOF", new Message.Proof(mac));
        messages.put("PROVED", new Message.Proved(mac));
        messages.put(
                "HELLO_ACK",
                new Message.HelloAck(4, 4, 8 << 20, 32, 2 << 20, 1024, 30_000, 64L << 20, 258));
        messages.put("ATTACH", new Message.Attach(4, 1, 2, 30_000, token, nonce));
        messages.put("ATTACHED", new Message.Attached());
        messages.put("LAYOUT", new Message.LayoutPart(part("{}")));
        messages.put("BEGUN", new Message.Begun());
        messages.put("CREDIT", new Message.Credit(290));
        messages.put("DURABLE", new Message.Durable(258));
        messages.put("MISSING", new Message.MissingPart(part("[]")));
        messages.put("END", new Message.End(258, 65_536, root));
        messages.put("PUBLISHED", new Message.Published(root, "/images/cache-1"));
        messages.put("ERROR", new Message.Refusal(ErrorCode.STORE, "disk full"));
        messages.put("ABORT", new Message.Abort("the target died"));
        messages.put("KEEP_ALIVE", new Message.KeepAlive());
        messages.put("PING", new Message.Ping(0x0102030405060708L));
        messages.put("PONG", new Message.Pong(0x0102030405060708L));
        messages.put("READ", new Message.Read(4, true, 30_000, nonce, "cache-1"));
        messages.put("FOUND", new Message.Found(30_000, 4096, 65_536, root));
        messages.put("FETCH", new Message.Fetch(258, 4096, 256));
        return messages;
    }

    /** Ascending bytes. */
    private static byte[] bytes(int count, int first) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (first + i);
        }
        return bytes;
    }

    private static Message.Part part(String document) {
        return new Message.Part(document.length(), 0, document.getBytes(StandardCharsets.UTF_8));
    }

    /** The batch of the example: page 0 all ones, two zero pages, one lost, two in the parent. */
    static SampleBatch exampleBatch() {
        byte[] ones = new byte[SampleBatch.PAGE];
        Arrays.fill(ones, (byte) 1);
        return new SampleBatch()
                .addData(0, ones)
                .add(PageKind.ZERO, 1, 2)
                .add(PageKind.LOST, 3, 1)
                .addInParent(4, bytes(2 * PageHash.BYTES, 0xc0));
    }

    /** A frame with a message, as bytes. */
    public static byte[] of(Message message) {
        ByteBuffer frame = MessageCodec.frame(message);
        byte[] bytes = new byte[frame.remaining()];
        frame.get(bytes);
        return bytes;
    }

    /** A frame with a batch, as bytes; the batch is released. */
    public static byte[] of(long sequence, PageBatch batch, int pageSizeBytes) {
        List<ByteBuf> pieces =
                BatchFrame.of(
                        sequence,
                        batch,
                        pageSizeBytes,
                        Contents.RAW,
                        UnpooledByteBufAllocator.DEFAULT);
        byte[] bytes = new byte[pieces.stream().mapToInt(ByteBuf::readableBytes).sum()];
        int at = 0;
        for (ByteBuf piece : pieces) {
            int length = piece.readableBytes();
            piece.readBytes(bytes, at, length);
            piece.release();
            at += length;
        }
        batch.release();
        return bytes;
    }

    /**
     * Makes both checksums of a frame right again after a change, as far as there is a whole
     * header.
     */
    public static byte[] sealed(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN);
        CRC32C crc = new CRC32C();
        crc.update(frame, FrameHeader.BYTES, checkedBytes(bytes));
        bytes.putInt(12, (int) crc.getValue());
        crc.reset();
        crc.update(frame, 0, 16);
        bytes.putInt(16, (int) crc.getValue());
        return frame;
    }

    /** Of a batch, the body's checksum is only over its tables. */
    private static int checkedBytes(ByteBuffer frame) {
        int body = frame.capacity() - FrameHeader.BYTES;
        if (frame.get(6) != MessageType.BATCH.number() || body < BatchFormat.FIXED_BYTES) {
            return body;
        }
        int runs = Short.toUnsignedInt(frame.getShort(FrameHeader.BYTES + 16));
        long tables =
                BatchFormat.FIXED_BYTES
                        + (long) runs * BatchFormat.RUN_BYTES
                        + (frame.getInt(FrameHeader.BYTES + 8) & 0xffffL) * 16
                        + (frame.getInt(FrameHeader.BYTES + 24) & 0xffffL) * 16;
        return (int) Math.min(body, tables);
    }
}
