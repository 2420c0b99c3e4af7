package dev.stillframe.transport.wire;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.lang.foreign.MemorySegment;
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
     * The frame's pieces, with the pages as they are in memory, to be written in this order; they
     * are the caller's to release. The batch must not be released before they are written.
     *
     * @param encoding one whose contents are such pages
     * @throws IllegalArgumentException if the batch is larger than {@link Limits} allow
     */
    public static List<ByteBuf> of(
            long sequence,
            PageBatch batch,
            int pageSizeBytes,
            int encoding,
            ByteBufAllocator allocator) {
        List<ByteBuf> pieces = new ArrayList<>();
        boolean whole = false;
        try {
            long length = batch.dataBytes();
            pieces.add(tables(sequence, batch, pageSizeBytes, encoding, length, allocator));
            addData(batch, allocator, pieces);
            whole = true;
            return pieces;
        } finally {
            if (!whole) {
                pieces.forEach(ByteBuf::release);
            }
        }
    }

    /** The same with encoded contents, which must stay as they are until they are written. */
    public static List<ByteBuf> of(
            long sequence,
            PageBatch batch,
            int pageSizeBytes,
            int encoding,
            MemorySegment contents,
            ByteBufAllocator allocator) {
        ByteBuf tables =
                tables(sequence, batch, pageSizeBytes, encoding, contents.byteSize(), allocator);
        return List.of(tables, Unpooled.wrappedBuffer(contents.asByteBuffer()));
    }

    private static ByteBuf tables(
            long sequence,
            PageBatch batch,
            int pageSizeBytes,
            int encoding,
            long contentsBytes,
            ByteBufAllocator allocator) {
        int runs = batch.runCount();
        long dataBytes = batch.dataBytes();
        int dataPages = (int) (dataBytes / pageSizeBytes);
        int inParent = pagesInParent(batch);
        if (runs < 1
                || runs > Limits.MAX_RUNS
                || dataBytes > Limits.MAX_DATA_BYTES
                || dataBytes % pageSizeBytes != 0
                || dataPages + inParent > Limits.MAX_HASHES) {
            throw new IllegalArgumentException(
                    "a batch of %d runs, %d bytes of data and %d pages in the parent"
                            .formatted(runs, dataBytes, inParent));
        }
        int bytes =
                BatchFormat.FIXED_BYTES
                        + runs * BatchFormat.RUN_BYTES
                        + (dataPages + inParent) * PageHash.BYTES;
        ByteBuf out = allocator.directBuffer(FrameHeader.BYTES + bytes);
        out.writerIndex(FrameHeader.BYTES);
        out.writeLongLE(sequence).writeIntLE(dataPages).writeIntLE(pageSizeBytes);
        out.writeShortLE(runs).writeByte(encoding).writeByte(0).writeIntLE((int) contentsBytes);
        out.writeIntLE(inParent);
        writeTables(batch, out);
        CRC32C crc = new CRC32C();
        crc.update(out.nioBuffer(FrameHeader.BYTES, bytes));
        ByteBuffer header = FrameHeader.buffer();
        new FrameHeader(MessageType.BATCH, bytes + (int) contentsBytes, (int) crc.getValue())
                .put(header);
        return out.setBytes(0, header.flip());
    }

    private static void writeTables(PageBatch batch, ByteBuf out) {
        for (int run = 0; run < batch.runCount(); run++) {
            out.writeByte(batch.kind(run).code()).writeZero(BatchFormat.RUN_RESERVED_BYTES);
            out.writeLongLE(batch.firstOrdinal(run)).writeLongLE(batch.pageCount(run));
        }
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run).hasHash()) {
                out.writeBytes(batch.hashes(run).asByteBuffer());
            }
        }
    }

    private static int pagesInParent(PageBatch batch) {
        long pages = 0;
        for (int run = 0; run < batch.runCount(); run++) {
            pages += batch.kind(run) == PageKind.IN_PARENT ? batch.pageCount(run) : 0;
        }
        return Math.toIntExact(pages);
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
}
