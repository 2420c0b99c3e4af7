package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import io.netty.buffer.ByteBuf;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Bytes of a stream, in pieces of any size, to messages. No length is used before it was checked,
 * and pages go straight into a {@link BatchBuffer}; whether they have their hashes is not checked
 * here. After an exception the stream has no meaning any more and the reader must only be closed.
 * Owned by one thread.
 */
public final class FrameReader implements AutoCloseable {
    private enum Expected {
        HEADER,
        BODY,
        BATCH_FIXED,
        BATCH_RUNS,
        BATCH_HASHES,
        BATCH_DATA
    }

    private final BatchMemory memory;
    private final CRC32C crc = new CRC32C();
    private final ByteBuffer headerBytes = FrameHeader.buffer();
    private @Nullable FrameHeader header;
    private Expected expected = Expected.HEADER;

    /** What is being filled; its limit is where the next part begins. */
    private ByteBuffer target = headerBytes;

    private @Nullable BatchBuffer batch;
    private long sequence;
    private int announcedDataPages;
    private int announcedHashes;
    private ByteBuffer runTable = headerBytes;
    private int encoding;
    private int contentsBytes;
    private @Nullable Contents contents;
    private final Arena arena = Arena.ofShared();
    private MemorySegment encoded = MemorySegment.NULL;

    /** Puts batches into {@code memory}. */
    public FrameReader(BatchMemory memory) {
        this.memory = memory;
    }

    /**
     * Consumes bytes until a message is whole.
     *
     * @return null if all of {@code in} is consumed and more is needed
     * @throws ProtocolException if the bytes are not those of a frame
     */
    public @Nullable Message read(ByteBuf in) throws ProtocolException {
        while (fill(in)) {
            Message message = next();
            if (message != null) {
                return message;
            }
        }
        return null;
    }

    /**
     * Where the next bytes of the stream may be written instead of being given to {@link #read},
     * from its position to its limit; null where that is not possible. What was written is told to
     * {@link #written}.
     */
    public @Nullable ByteBuffer directTarget() {
        return expected == Expected.BATCH_DATA && target.hasRemaining() ? target : null;
    }

    /** So many bytes were written to {@link #directTarget}; the message that is whole by that. */
    public @Nullable Message written(int count) throws ProtocolException {
        target.position(target.position() + count);
        return target.hasRemaining() ? null : next();
    }

    /** Whether the stream ended inside a frame, were it to end now. */
    public boolean isInsideFrame() {
        return expected != Expected.HEADER || headerBytes.position() > 0;
    }

    /** Gives back all memory, and the buffer of a batch that did not become whole. */
    @Override
    public void close() {
        if (batch != null) {
            batch.release();
            batch = null;
        }
        if (contents != null) {
            contents.close();
            contents = null;
        }
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    private boolean fill(ByteBuf in) {
        int count = Math.min(in.readableBytes(), target.remaining());
        if (count > 0) {
            int end = target.limit();
            int start = target.position();
            target.limit(start + count);
            in.readBytes(target);
            if (expected != Expected.HEADER
                    && expected != Expected.BATCH_DATA) { // contents have their pages' hashes
                crc.update(target.position(start)); // while it is in the processor's cache
            }
            target.limit(end);
        }
        return !target.hasRemaining();
    }

    private @Nullable Message next() throws ProtocolException {
        switch (expected) {
            case HEADER -> beginBody();
            case BODY -> {
                return body();
            }
            case BATCH_FIXED -> fixedPart();
            case BATCH_RUNS -> {
                runTable = target;
                expect(Expected.BATCH_HASHES, begun().hashTarget(announcedHashes));
            }
            case BATCH_HASHES -> hashes();
            case BATCH_DATA -> {
                return batch();
            }
        }
        return null;
    }

    private void beginBody() throws ProtocolException {
        FrameHeader read = FrameHeader.get(headerBytes.flip());
        header = read;
        crc.reset();
        if (read.type() == MessageType.BATCH) {
            expect(Expected.BATCH_FIXED, heap(BatchFormat.FIXED_BYTES));
        } else {
            if ((read.type() == MessageType.LAYOUT || read.type() == MessageType.MISSING)
                    && !memory.takesDocuments()) {
                throw new ProtocolException(
                        ErrorCode.ORDER,
                        "a %s of %d bytes on a connection that takes no documents"
                                .formatted(read.type(), read.bodyBytes()));
            }
            expect(Expected.BODY, heap(read.bodyBytes()));
        }
    }

    private Message body() throws ProtocolException {
        checkBody();
        Message message = MessageCodec.decode(known().type(), target.flip());
        expectHeader();
        return message;
    }

    private void fixedPart() throws ProtocolException {
        ByteBuffer fixed = target.flip();
        sequence = fixed.getLong();
        long dataPages = Integer.toUnsignedLong(fixed.getInt());
        long pageBytes = Integer.toUnsignedLong(fixed.getInt());
        int runCount = Short.toUnsignedInt(fixed.getShort());
        encoding = Byte.toUnsignedInt(fixed.get());
        MessageCodec.zeros(fixed, 1);
        long length = Integer.toUnsignedLong(fixed.getInt());
        long hashes = dataPages + Integer.toUnsignedLong(fixed.getInt());
        if (sequence < 1) {
            throw malformed(
                    "batch %s; they count from 1".formatted(Long.toUnsignedString(sequence)));
        }
        if (pageBytes < Limits.MIN_PAGE_BYTES
                || pageBytes > Limits.MAX_PAGE_BYTES
                || Long.bitCount(pageBytes) != 1) {
            throw malformed("batch %d with pages of %d bytes".formatted(sequence, pageBytes));
        }
        if (runCount < 1
                || runCount > Limits.MAX_RUNS
                || dataPages * pageBytes > Limits.MAX_DATA_BYTES
                || hashes > Limits.MAX_HASHES) {
            // Not LIMIT, which would be final: nothing has been checked yet, this may be damage.
            throw malformed(
                    "batch %d with %d runs, %d pages of data and %d hashes; at most %d runs, %d bytes of data and %d hashes are possible"
                            .formatted(
                                    sequence,
                                    runCount,
                                    dataPages,
                                    hashes,
                                    Limits.MAX_RUNS,
                                    Limits.MAX_DATA_BYTES,
                                    Limits.MAX_HASHES));
        }
        long rawBytes = dataPages * pageBytes;
        if (Contents.arePages(encoding) ? length != rawBytes : length < 1 || length >= rawBytes) {
            throw malformed(
                    "batch %d with %d bytes of contents in encoding %d for %d pages of %d bytes"
                            .formatted(sequence, length, encoding, dataPages, pageBytes));
        }
        contentsBytes = (int) length;
        long bytes =
                BatchFormat.FIXED_BYTES
                        + (long) runCount * BatchFormat.RUN_BYTES
                        + hashes * PageHash.BYTES
                        + length;
        if (known().bodyBytes() != bytes) {
            throw malformed(
                    "batch %d has %d bytes, not %d"
                            .formatted(sequence, known().bodyBytes(), bytes));
        }
        announcedDataPages = (int) dataPages;
        announcedHashes = (int) hashes;
        if (encoding != Contents.RAW && contents == null) {
            contents = memory.contents();
        }
        BatchBuffer buffer = memory.acquire();
        batch = buffer;
        buffer.begin(sequence, (int) pageBytes);
        expect(Expected.BATCH_RUNS, heap(runCount * BatchFormat.RUN_BYTES));
    }

    private void runs() throws ProtocolException {
        ByteBuffer table = runTable.flip();
        BatchBuffer buffer = begun();
        while (table.hasRemaining()) {
            PageKind kind = kind(table.get());
            MessageCodec.zeros(table, BatchFormat.RUN_RESERVED_BYTES);
            long ordinal = table.getLong();
            long count = table.getLong();
            if (ordinal < 0
                    || count < 1
                    || count > Limits.MAX_PAGES
                    || ordinal > Limits.MAX_PAGES - count) {
                throw new ProtocolException(
                        ErrorCode.LIMIT,
                        "batch %d has %s pages from %s; an image has at most %d"
                                .formatted(
                                        sequence,
                                        Long.toUnsignedString(count),
                                        Long.toUnsignedString(ordinal),
                                        Limits.MAX_PAGES));
            }
            if (kind.hasHash() && count > announcedHashes - buffer.hashCount()) {
                throw malformed("batch %d has more pages than it announced".formatted(sequence));
            }
            buffer.addRun(kind, ordinal, count);
        }
        if (buffer.dataPages() != announcedDataPages || buffer.hashCount() != announcedHashes) {
            throw malformed(
                    "batch %d has %d pages of data and %d hashes; it announced %d and %d"
                            .formatted(
                                    sequence,
                                    buffer.dataPages(),
                                    buffer.hashCount(),
                                    announcedDataPages,
                                    announcedHashes));
        }
    }

    /** The tables are whole: they are checked before they say where contents go. */
    private void hashes() throws ProtocolException {
        checkBody();
        runs();
        BatchBuffer buffer = begun();
        if (Contents.arePages(encoding)) {
            expect(Expected.BATCH_DATA, buffer.contents().asByteBuffer());
        } else {
            if (encoded.byteSize() == 0) {
                encoded = arena.allocate(Limits.MAX_DATA_BYTES, Limits.MIN_PAGE_BYTES);
            }
            expect(Expected.BATCH_DATA, encoded.asSlice(0, contentsBytes).asByteBuffer());
        }
    }

    private PageKind kind(byte code) throws ProtocolException {
        if (code < PageKind.ZERO.code() || code > PageKind.IN_PARENT.code()) {
            throw malformed("batch %d has pages of the kind %d".formatted(sequence, code));
        }
        return PageKind.of(code);
    }

    private Message batch() throws ProtocolException {
        BatchBuffer buffer = begun();
        if (encoding != Contents.RAW && contents != null) {
            contents.decode(
                    encoding,
                    Contents.arePages(encoding)
                            ? buffer.contents()
                            : encoded.asSlice(0, contentsBytes),
                    buffer);
        }
        Message.Batch message = new Message.Batch(sequence, buffer);
        batch = null; // the message's holder owns it
        expectHeader();
        return message;
    }

    private void checkBody() throws ProtocolException {
        FrameHeader read = known();
        if ((int) crc.getValue() != read.bodyChecksum()) {
            throw malformed("the body of a %s is damaged".formatted(read.type()));
        }
    }

    private void expectHeader() {
        expect(Expected.HEADER, headerBytes.clear());
        header = null;
    }

    private void expect(Expected next, ByteBuffer into) {
        expected = next;
        target = into;
    }

    private FrameHeader known() {
        if (header == null) {
            throw new IllegalStateException("no header was read before " + expected);
        }
        return header;
    }

    private BatchBuffer begun() {
        if (batch == null) {
            throw new IllegalStateException("no batch was begun before " + expected);
        }
        return batch;
    }

    private static ByteBuffer heap(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ProtocolException malformed(String message) {
        return new ProtocolException(ErrorCode.MALFORMED, message);
    }
}
