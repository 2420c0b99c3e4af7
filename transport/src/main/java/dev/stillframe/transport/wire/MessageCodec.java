package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.RootHash;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * All messages but {@link Message.Batch} to frames, and their bodies back. Stateless. Batches have
 * {@link BatchFrame} and {@link FrameReader}, as their pages never pass through the Java heap.
 */
public final class MessageCodec {
    private MessageCodec() {}

    /**
     * A whole frame with {@code message}. Texts that are too long are cut.
     *
     * @throws IllegalArgumentException if it is a {@link Message.Batch}
     */
    public static ByteBuffer frame(Message message) {
        MessageType type = type(message);
        int capacity =
                switch (message) {
                    case Message.LayoutPart(var part) -> 16 + part.bytes().length;
                    case Message.MissingPart(var part) -> 16 + part.bytes().length;
                    default -> type.maxBodyBytes();
                };
        ByteBuffer out =
                ByteBuffer.allocate(FrameHeader.BYTES + capacity).order(ByteOrder.LITTLE_ENDIAN);
        out.position(FrameHeader.BYTES);
        putBody(message, out);
        out.flip();
        int bodyBytes = out.limit() - FrameHeader.BYTES;
        CRC32C crc = new CRC32C();
        crc.update(out.array(), FrameHeader.BYTES, bodyBytes);
        new FrameHeader(type, bodyBytes, (int) crc.getValue()).put(out);
        return out.rewind();
    }

    /** The body of the frame with {@code message}. */
    public static byte[] body(Message message) {
        ByteBuffer frame = frame(message).position(FrameHeader.BYTES);
        byte[] body = new byte[frame.remaining()];
        frame.get(body);
        return body;
    }

    private static MessageType type(Message message) {
        return switch (message) {
            case Message.Hello _ -> MessageType.HELLO;
            case Message.HelloAck _ -> MessageType.HELLO_ACK;
            case Message.LayoutPart _ -> MessageType.LAYOUT;
            case Message.Batch _ ->
                    throw new IllegalArgumentException("batches are framed by BatchFrame");
            case Message.Durable _ -> MessageType.DURABLE;
            case Message.MissingPart _ -> MessageType.MISSING;
            case Message.End _ -> MessageType.END;
            case Message.Published _ -> MessageType.PUBLISHED;
            case Message.Refusal _ -> MessageType.ERROR;
            case Message.Abort _ -> MessageType.ABORT;
            case Message.KeepAlive _ -> MessageType.KEEP_ALIVE;
            case Message.Begun _ -> MessageType.BEGUN;
            case Message.Credit _ -> MessageType.CREDIT;
            case Message.Attach _ -> MessageType.ATTACH;
            case Message.Attached _ -> MessageType.ATTACHED;
            case Message.Challenge _ -> MessageType.CHALLENGE;
            case Message.Proof _ -> MessageType.PROOF;
            case Message.Proved _ -> MessageType.PROVED;
            case Message.Ping _ -> MessageType.PING;
            case Message.Pong _ -> MessageType.PONG;
            case Message.Read _ -> MessageType.READ;
            case Message.Found _ -> MessageType.FOUND;
            case Message.Fetch _ -> MessageType.FETCH;
        };
    }

    private static void putBody(Message message, ByteBuffer out) {
        switch (message) {
            case Message.Hello hello -> putHello(hello, out);
            case Message.HelloAck ack -> putHelloAck(ack, out);
            case Message.LayoutPart(var part) -> putPart(part, out);
            case Message.Batch _ -> throw new AssertionError("has no type above");
            case Message.Durable(var sequence) -> out.putLong(sequence);
            case Message.MissingPart(var part) -> putPart(part, out);
            case Message.End(var batches, var pages, var root) ->
                    out.putLong(batches).putLong(pages).put(root);
            case Message.Published(var root, var place) -> putText(place, out.put(root));
            case Message.Refusal(var code, var text) ->
                    putText(text, out.putShort((short) code.number()));
            case Message.Abort(var reason) -> putText(reason, out);
            case Message.Credit(var total) -> out.putLong(total);
            case Message.Attach attach -> putAttach(attach, out);
            case Message.Challenge(var nonce) -> out.put(nonce);
            case Message.Proof(var mac) -> out.put(mac);
            case Message.Proved(var mac) -> out.put(mac);
            case Message.Ping(var stamp) -> out.putLong(stamp);
            case Message.Pong(var stamp) -> out.putLong(stamp);
            case Message.Read read -> putRead(read, out);
            case Message.Found(var idleMillis, var pageSizeBytes, var pageCount, var root) ->
                    out.putInt(idleMillis).putInt(pageSizeBytes).putLong(pageCount).put(root);
            case Message.Fetch(var sequence, var firstOrdinal, var pages) ->
                    out.putLong(sequence).putLong(firstOrdinal).putInt(pages).putInt(0);
            case Message.KeepAlive _, Message.Begun _, Message.Attached _ -> {}
        }
    }

    private static void putHello(Message.Hello hello, ByteBuffer out) {
        out.putShort((short) hello.minVersion()).putShort((short) hello.maxVersion());
        out.putShort((short) hello.lanes()).putShort((short) 0);
        out.putInt(0); // features
        out.putInt(hello.idleMillis());
        out.putLong(hello.retainBytes()).putLong(hello.durable());
        out.putInt(hello.attempt()).putInt(0);
        out.put(hello.token()).put(hello.nonce()).put(hello.rootHash()).put(hello.parent());
        putText(hello.imageName(), out);
    }

    private static void putHelloAck(Message.HelloAck ack, ByteBuffer out) {
        out.putShort((short) ack.version()).putShort((short) ack.lanes());
        out.putInt(ack.dictionaryBytes());
        out.putInt(ack.credits()).putInt(ack.maxDataBytes()).putInt(ack.maxRuns());
        out.putInt(ack.idleMillis()).putLong(ack.maxLayoutBytes()).putLong(ack.durable());
    }

    private static void putAttach(Message.Attach attach, ByteBuffer out) {
        out.putShort((short) attach.version()).putShort((short) attach.lane());
        out.putInt(attach.attempt()).putInt(attach.idleMillis());
        out.put(attach.token()).put(attach.nonce());
    }

    private static void putRead(Message.Read read, ByteBuffer out) {
        out.putShort((short) read.version()).putShort((short) (read.described() ? 1 : 0));
        out.putInt(read.idleMillis()).put(read.nonce());
        putText(read.imageName(), out);
    }

    private static void putPart(Message.Part part, ByteBuffer out) {
        out.putLong(part.totalBytes()).putLong(part.offset()).put(part.bytes());
    }

    private static void putText(String text, ByteBuffer out) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, Limits.MAX_TEXT_BYTES);
        while (length < bytes.length && (bytes[length] & 0xc0) == 0x80) {
            length--; // do not cut a character in two
        }
        out.putShort((short) length).put(bytes, 0, length);
    }

    /**
     * The message in a body.
     *
     * @param body little-endian, all of it and nothing else, of a length that is possible for the
     *     type
     * @throws ProtocolException if it breaks the format
     */
    static Message decode(MessageType type, ByteBuffer body) throws ProtocolException {
        Message message =
                switch (type) {
                    case HELLO -> hello(body);
                    case HELLO_ACK -> helloAck(body);
                    case LAYOUT -> new Message.LayoutPart(part(type, body));
                    case BATCH ->
                            throw new IllegalArgumentException("batches are read by FrameReader");
                    case DURABLE -> new Message.Durable(count("sequence", body));
                    case MISSING -> new Message.MissingPart(part(type, body));
                    case END ->
                            new Message.End(
                                    count("batches", body),
                                    count("pages", body),
                                    bytes(body, RootHash.BYTES));
                    case PUBLISHED ->
                            new Message.Published(
                                    bytes(body, RootHash.BYTES), printable(text(body)));
                    case ERROR ->
                            new Message.Refusal(
                                    ErrorCode.of(Short.toUnsignedInt(body.getShort())),
                                    printable(text(body)));
                    case ABORT -> new Message.Abort(printable(text(body)));
                    case KEEP_ALIVE -> new Message.KeepAlive();
                    case BEGUN -> new Message.Begun();
                    case CREDIT -> new Message.Credit(count("credit", body));
                    case ATTACH -> attach(body);
                    case ATTACHED -> new Message.Attached();
                    case CHALLENGE -> new Message.Challenge(rest(body));
                    case PROOF -> new Message.Proof(rest(body));
                    case PROVED -> new Message.Proved(rest(body));
                    case PING -> new Message.Ping(body.getLong());
                    case PONG -> new Message.Pong(body.getLong());
                    case READ -> read(body);
                    case FOUND -> readable(body);
                    case FETCH -> fetch(body);
                };
        if (body.hasRemaining()) {
            throw malformed("%s with %d bytes behind its end".formatted(type, body.remaining()));
        }
        return message;
    }

    private static Message.Hello hello(ByteBuffer body) throws ProtocolException {
        int minVersion = Short.toUnsignedInt(body.getShort());
        int maxVersion = Short.toUnsignedInt(body.getShort());
        int lanes = Short.toUnsignedInt(body.getShort());
        body.getShort(); // reserved bytes and features are what a newer sender could offer
        body.getInt();
        int idleMillis = number("idle time", body, Limits.MIN_IDLE_MILLIS, Limits.MAX_IDLE_MILLIS);
        long retainBytes = count("bytes to retain", body);
        long durable = count("durable batches", body);
        int attempt = number("attempt", body, 1, Integer.MAX_VALUE);
        body.getInt();
        byte[] token = bytes(body, Limits.TOKEN_BYTES);
        byte[] nonce = bytes(body, Limits.NONCE_BYTES);
        byte[] rootHash = bytes(body, RootHash.BYTES);
        byte[] parent = bytes(body, RootHash.BYTES);
        return new Message.Hello(
                minVersion,
                maxVersion,
                lanes,
                idleMillis,
                retainBytes,
                durable,
                attempt,
                token,
                nonce,
                rootHash,
                parent,
                text(body));
    }

    private static Message.HelloAck helloAck(ByteBuffer body) throws ProtocolException {
        int version = Short.toUnsignedInt(body.getShort());
        int lanes = Short.toUnsignedInt(body.getShort());
        if (lanes < 1 || lanes > Limits.MAX_LANES) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "%d lanes; 1 to %d are possible".formatted(lanes, Limits.MAX_LANES));
        }
        int dictionaryBytes = number("dictionary", body, 0, Limits.MAX_DICTIONARY_BYTES);
        if (dictionaryBytes > 0 && dictionaryBytes < Limits.MIN_DICTIONARY_BYTES) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "a dictionary of %d bytes; none, or %d and more are possible"
                            .formatted(dictionaryBytes, Limits.MIN_DICTIONARY_BYTES));
        }
        int credits = number("credits", body, 1, Limits.MAX_CREDITS);
        int maxDataBytes = number("data limit", body, Limits.MAX_PAGE_BYTES, Limits.MAX_DATA_BYTES);
        int maxRuns = number("run limit", body, 1, Limits.MAX_RUNS);
        int idleMillis = number("idle time", body, Limits.MIN_IDLE_MILLIS, Limits.MAX_IDLE_MILLIS);
        return new Message.HelloAck(
                version,
                lanes,
                dictionaryBytes,
                credits,
                maxDataBytes,
                maxRuns,
                idleMillis,
                count("layout limit", body),
                count("durable batches", body));
    }

    private static Message.Attach attach(ByteBuffer body) throws ProtocolException {
        return new Message.Attach(
                Short.toUnsignedInt(body.getShort()),
                Short.toUnsignedInt(body.getShort()),
                number("attempt", body, 1, Integer.MAX_VALUE),
                number("idle time", body, Limits.MIN_IDLE_MILLIS, Limits.MAX_IDLE_MILLIS),
                bytes(body, Limits.TOKEN_BYTES),
                bytes(body, Limits.NONCE_BYTES));
    }

    private static Message.Read read(ByteBuffer body) throws ProtocolException {
        int version = Short.toUnsignedInt(body.getShort());
        int described = Short.toUnsignedInt(body.getShort());
        if (described > 1) {
            throw malformed(
                    "a wish for documents of %d; 0 and 1 are possible".formatted(described));
        }
        int idleMillis = number("idle time", body, Limits.MIN_IDLE_MILLIS, Limits.MAX_IDLE_MILLIS);
        return new Message.Read(
                version, described == 1, idleMillis, bytes(body, Limits.NONCE_BYTES), text(body));
    }

    private static Message.Found readable(ByteBuffer body) throws ProtocolException {
        int idleMillis = number("idle time", body, Limits.MIN_IDLE_MILLIS, Limits.MAX_IDLE_MILLIS);
        int pageSizeBytes = number("page size", body, Limits.MIN_PAGE_BYTES, Limits.MAX_PAGE_BYTES);
        long pageCount = count("pages", body);
        if (Integer.bitCount(pageSizeBytes) != 1 || pageCount > Limits.MAX_PAGES) {
            throw malformed("an image of %d pages of %d bytes".formatted(pageCount, pageSizeBytes));
        }
        return new Message.Found(idleMillis, pageSizeBytes, pageCount, bytes(body, RootHash.BYTES));
    }

    private static Message.Fetch fetch(ByteBuffer body) throws ProtocolException {
        long sequence = count("sequence", body);
        long firstOrdinal = count("ordinal", body);
        int pages = number("pages", body, 1, Limits.MAX_DATA_PAGES);
        zeros(body, Integer.BYTES);
        if (sequence < 1 || firstOrdinal > Limits.MAX_PAGES - pages) {
            throw malformed(
                    "fetch %d of %d pages from %d".formatted(sequence, pages, firstOrdinal));
        }
        return new Message.Fetch(sequence, firstOrdinal, pages);
    }

    private static Message.Part part(MessageType type, ByteBuffer body) throws ProtocolException {
        long totalBytes = count("total length", body);
        long offset = count("offset", body);
        if (totalBytes > Limits.MAX_DOCUMENT_BYTES) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "%s of %d bytes; at most %d are possible"
                            .formatted(type, totalBytes, Limits.MAX_DOCUMENT_BYTES));
        }
        int length = body.remaining();
        if (offset % Limits.PART_BYTES != 0
                || offset >= totalBytes
                || length != Math.min(Limits.PART_BYTES, totalBytes - offset)) {
            throw malformed(
                    "%s of %d bytes in a part of %d at %d"
                            .formatted(type, totalBytes, length, offset));
        }
        return new Message.Part(totalBytes, offset, bytes(body, length));
    }

    private static byte[] rest(ByteBuffer body) {
        return bytes(body, body.remaining());
    }

    private static byte[] bytes(ByteBuffer body, int count) {
        byte[] bytes = new byte[count];
        body.get(bytes);
        return bytes;
    }

    private static String text(ByteBuffer body) throws ProtocolException {
        int length = Short.toUnsignedInt(body.getShort());
        if (length > body.remaining()) {
            throw malformed("a text of %d bytes in %d".formatted(length, body.remaining()));
        }
        ByteBuffer bytes = body.slice(body.position(), length);
        body.position(body.position() + length);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw malformed("a text that is not UTF-8: " + e.getMessage());
        }
    }

    /** What a peer says ends up on terminals and in logs. */
    private static String printable(String text) {
        return text.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Zl}\\p{Zp}]", "?");
    }

    private static long count(String what, ByteBuffer body) throws ProtocolException {
        long value = body.getLong();
        if (value < 0) {
            throw malformed("%s of %s".formatted(what, Long.toUnsignedString(value)));
        }
        return value;
    }

    private static int number(String what, ByteBuffer body, int min, int max)
            throws ProtocolException {
        int value = body.getInt();
        if (value < min || value > max) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "%s of %d; %d to %d are possible"
                            .formatted(what, Integer.toUnsignedLong(value), min, max));
        }
        return value;
    }

    /** Reserved bytes are zero, so that a later version can give them a meaning. */
    static void zeros(ByteBuffer body, int count) throws ProtocolException {
        byte[] bytes = new byte[count];
        body.get(bytes);
        if (!Arrays.equals(bytes, new byte[count])) {
            throw new ProtocolException(ErrorCode.UNSUPPORTED, "reserved bytes that are not zero");
        }
    }

    private static ProtocolException malformed(String message) {
        return new ProtocolException(ErrorCode.MALFORMED, message);
    }
}
