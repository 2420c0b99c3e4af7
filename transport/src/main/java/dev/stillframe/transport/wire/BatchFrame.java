package dev.stillframe.transport.wire;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageHash;
import dev.stillframe.engine.page.PageKind;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** A batch as a frame in pieces, most of which are the batch's own memory. Stateless. */
public final class BatchFrame {
    /** Shorter runs are copied, which costs less than one more piece in a gathering write. */
    private static final long COPIED_BYTES = 32 << 10;

    private BatchFrame() {}

    /**
     * The frame's pieces, to be written in this order; they are the caller's to release. The batch
     * must not be released before they are written.
     *
     * @throws IllegalArgumentException if the batch is larger than {@link Limits} allow
     */
    public static List<ByteBuf> of(
            long sequence, PageBatch batch, int pageSizeBytes, ByteBufAllocator allocator) {
        int runs = batch.runCount();
        long dataBytes = batch.dataBytes();
        if (runs < 1
                || runs > Limits.MAX_RUNS
                || dataBytes > Limits.MAX_DATA_BYTES
                || dataBytes % pageSizeBytes != 0) {
            throw new IllegalArgumentException(
                    "a batch of %d runs and %d bytes of data".formatted(runs, dataBytes));
        }
        int dataPages = (int) (dataBytes / pageSizeBytes);
        int tableBytes =
                BatchFormat.FIXED_BYTES + runs * BatchFormat.RUN_BYTES + dataPages * PageHash.BYTES;
        List<ByteBuf> pieces = new ArrayList<>();
        boolean whole = false;
        try {
            ByteBuf first = allocator.directBuffer(FrameHeader.BYTES + tableBytes);
            pieces.add(first);
            first.writerIndex(FrameHeader.BYTES);
            first.writeLongLE(sequence).writeIntLE(dataPages).writeIntLE(pageSizeBytes);
            first.writeShortLE(runs).writeZero(BatchFormat.FIXED_RESERVED_BYTES);
            writeTables(batch, first);
            addData(batch, allocator, pieces);
            FrameHeader header =
                    new FrameHeader(
                            MessageType.BATCH,
                            tableBytes + (int) dataBytes,
                            checksum(batch, first));
            ByteBuffer bytes = FrameHeader.buffer();
            header.put(bytes);
            first.setBytes(0, bytes.flip());
            whole = true;
            return pieces;
        } finally {
            if (!whole) {
                pieces.forEach(ByteBuf::release);
            }
        }
    }

    private static void writeTables(PageBatch batch, ByteBuf out) {
        for (int run = 0; run < batch.runCount(); run++) {
            out.writeByte(batch.kind(run).code()).writeByte(BatchFormat.ENCODING_RAW);
            out.writeZero(BatchFormat.RUN_RESERVED_BYTES);
            out.writeLongLE(batch.firstOrdinal(run)).writeLongLE(batch.pageCount(run));
        }
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                out.writeBytes(batch.hashes(run).asByteBuffer());
            }
        }
    }

    private static void addData(PageBatch batch, ByteBufAllocator allocator, List<ByteBuf> pieces) {
        int run = 0;
        while (run < batch.runCount()) {
            if (batch.kind(run) != PageKind.DATA) {
                run++;
            } else if (batch.data(run).byteSize() > COPIED_BYTES) {
                pieces.add(Unpooled.wrappedBuffer(batch.data(run++).asByteBuffer()));
            } else {
                run = addShortRuns(batch, run, allocator, pieces);
            }
        }
    }

    /** Copies the short runs from {@code first} to the next long one; the run where it stopped. */
    private static int addShortRuns(
            PageBatch batch, int first, ByteBufAllocator allocator, List<ByteBuf> pieces) {
        ByteBuf copy = allocator.directBuffer((int) COPIED_BYTES);
        pieces.add(copy);
        int run = first;
        for (; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                ByteBuffer data = batch.data(run).asByteBuffer();
                if (data.remaining() > COPIED_BYTES) {
                    break;
                }
                copy.writeBytes(data);
            }
        }
        return run;
    }

    private static int checksum(PageBatch batch, ByteBuf first) {
        CRC32C crc = new CRC32C();
        crc.update(first.nioBuffer(FrameHeader.BYTES, first.writerIndex() - FrameHeader.BYTES));
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                crc.update(batch.data(run).asByteBuffer());
            }
        }
        return (int) crc.getValue();
    }
}
