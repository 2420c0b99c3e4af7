package dev.stillframe.transport.wire;

import dev.stillframe.engine.page.PageHash;
import dev.stillframe.engine.page.PageKind;

import io.netty.buffer.ByteBuf;

import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * Bytes of a stream, in pieces of any size, to messages. No length is used before it was checked,
 * and pages go straight into a {@link BatchBuffer}. After an exception the stream has no meaning
 * any more and the reader must only be closed. Owned by one thread.
 */
public final class FrameReader implements AutoCloseable {
    private enum Step {
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
    private Step step = Step.HEADER;

    /** What is being filled; its limit is where the next step begins. */
    private ByteBuffer target = headerBytes;

    private @Nullable BatchBuffer batch;
    private long sequence;
    private int announcedDataPages;

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

    /** Whether the stream ended inside a frame, were it to end now. */
    public boolean isInsideFrame() {
        return step != Step.HEADER || headerBytes.position() > 0;
    }

    /** Gives back the buffer of a batch that did not become whole. */
    @Override
    public void close() {
        if (batch != null) {
            batch.release();
            batch = null;
        }
    }

    private boolean fill(ByteBuf in) {
        int count = Math.min(in.readableBytes(), target.remaining());
        if (count > 0) {
            int end = target.limit();
            int start = target.position();
            target.limit(start + count);
            in.readBytes(target);
            if (step != Step.HEADER) {
                crc.update(target.position(start)); // while it is in the processor's cache
            }
            target.limit(end);
        }
        return !target.hasRemaining();
    }

    private @Nullable Message next() throws ProtocolException {
        switch (step) {
            case HEADER -> beginBody();
            case BODY -> {
                return body();
            }
            case BATCH_FIXED -> fixedPart();
            case BATCH_RUNS -> runs();
            case BATCH_HASHES -> expect(Step.BATCH_DATA, begun().dataTarget());
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
            expect(Step.BATCH_FIXED, heap(BatchFormat.FIXED_BYTES));
        } else {
            expect(Step.BODY, heap(read.bodyBytes()));
        }
    }

    private Message body() throws ProtocolException {
        FrameHeader read = checkedHeader();
        Message message = MessageCodec.decode(read.type(), target.flip());
        expectHeader();
        return message;
    }

    private void fixedPart() throws ProtocolException {
        ByteBuffer fixed = target.flip();
        sequence = fixed.getLong();
        long dataPages = Integer.toUnsignedLong(fixed.getInt());
        long pageBytes = Integer.toUnsignedLong(fixed.getInt());
        int runCount = Short.toUnsignedInt(fixed.getShort());
        MessageCodec.zeros(fixed, BatchFormat.FIXED_RESERVED_BYTES);
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
                || dataPages * pageBytes > Limits.MAX_DATA_BYTES) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "batch %d with %d runs and %d pages of data; at most %d runs and %d bytes of data are possible"
                            .formatted(
                                    sequence,
                                    runCount,
                                    dataPages,
                                    Limits.MAX_RUNS,
                                    Limits.MAX_DATA_BYTES));
        }
        long bytes =
                BatchFormat.FIXED_BYTES
                        + (long) runCount * BatchFormat.RUN_BYTES
                        + dataPages * (PageHash.BYTES + pageBytes);
        if (known().bodyBytes() != bytes) {
            throw malformed(
                    "batch %d has %d bytes, not %d"
                            .formatted(sequence, known().bodyBytes(), bytes));
        }
        announcedDataPages = (int) dataPages;
        BatchBuffer buffer = memory.acquire();
        batch = buffer;
        buffer.begin(sequence, (int) pageBytes);
        expect(Step.BATCH_RUNS, heap(runCount * BatchFormat.RUN_BYTES));
    }

    private void runs() throws ProtocolException {
        ByteBuffer table = target.flip();
        BatchBuffer buffer = begun();
        while (table.hasRemaining()) {
            PageKind kind = kind(table.get());
            byte encoding = table.get();
            if (encoding != BatchFormat.ENCODING_RAW) {
                throw new ProtocolException(
                        ErrorCode.UNSUPPORTED, "encoding %d; 0 is known".formatted(encoding));
            }
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
            if (kind == PageKind.DATA && count > announcedDataPages - buffer.dataPages()) {
                throw malformed(
                        "batch %d has more pages of data than it announced".formatted(sequence));
            }
            buffer.add(kind, ordinal, count);
        }
        if (buffer.dataPages() != announcedDataPages) {
            throw malformed(
                    "batch %d has fewer pages of data than it announced".formatted(sequence));
        }
        expect(Step.BATCH_HASHES, buffer.hashTarget());
    }

    private PageKind kind(byte code) throws ProtocolException {
        if (code != PageKind.ZERO.code()
                && code != PageKind.DATA.code()
                && code != PageKind.LOST.code()) {
            throw malformed("batch %d has pages of the kind %d".formatted(sequence, code));
        }
        return PageKind.of(code);
    }

    private Message batch() throws ProtocolException {
        checkedHeader();
        Message.Batch message = new Message.Batch(sequence, begun());
        batch = null; // the message's holder owns it
        expectHeader();
        return message;
    }

    private FrameHeader checkedHeader() throws ProtocolException {
        FrameHeader read = known();
        if ((int) crc.getValue() != read.bodyChecksum()) {
            throw malformed("the body of a %s is damaged".formatted(read.type()));
        }
        return read;
    }

    private void expectHeader() {
        expect(Step.HEADER, headerBytes.clear());
        header = null;
    }

    private void expect(Step next, ByteBuffer into) {
        step = next;
        target = into;
    }

    private FrameHeader known() {
        if (header == null) {
            throw new IllegalStateException("no header was read before " + step);
        }
        return header;
    }

    private BatchBuffer begun() {
        if (batch == null) {
            throw new IllegalStateException("no batch was begun before " + step);
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
