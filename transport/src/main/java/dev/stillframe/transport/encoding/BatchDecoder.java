package dev.stillframe.transport.encoding;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;
import org.jspecify.annotations.Nullable;

/**
 * Decodes the batches of one lane. Takes its memory with the first batch, and no more whatever a
 * peer sends. Owned by one thread.
 */
public final class BatchDecoder implements Contents {
    private final int dictionaryBytes;
    private final Arena arena = Arena.ofShared();
    private final LZ4SafeDecompressor lz4 = LZ4Factory.fastestInstance().safeDecompressor();
    private final ZstdDecompressCtx zstd = new ZstdDecompressCtx();
    private MemorySegment packed = MemorySegment.NULL;
    private @Nullable PageUnpacker unpacker;

    /** With a dictionary of this size. */
    public BatchDecoder(int dictionaryBytes) {
        this.dictionaryBytes = dictionaryBytes;
    }

    /** Most native memory of a decoder with such a dictionary, and of what it decodes. */
    public static long memoryBytes(int dictionaryBytes) {
        return dictionaryBytes + (long) PagePacker.MAX_BYTES + Limits.MAX_DATA_BYTES;
    }

    @Override
    public void decode(int encoding, MemorySegment encoded, BatchBuffer into)
            throws ProtocolException {
        PageUnpacker pages = unpacker(into.pageSizeBytes());
        if (encoding == Contents.KEPT) {
            pages.keep(into);
        } else if (encoding == Encoding.PACKED.code()) {
            pages.unpack(encoded, into);
        } else if (encoding == Encoding.LZ4.code() || encoding == Encoding.ZSTD.code()) {
            pages.unpack(decompress(encoding, encoded, into), into);
        } else {
            throw new ProtocolException(
                    ErrorCode.UNSUPPORTED, "encoding %d; 0 to 4 are known".formatted(encoding));
        }
    }

    private PageUnpacker unpacker(int pageBytes) throws ProtocolException {
        PageUnpacker known = unpacker;
        if (known == null) {
            packed = arena.allocate(PagePacker.MAX_BYTES, Long.BYTES);
            known = new PageUnpacker(arena, dictionaryBytes, pageBytes, Limits.MAX_DATA_PAGES);
            unpacker = known;
        }
        if (known.pageBytes() != pageBytes) {
            throw new ProtocolException(
                    ErrorCode.MALFORMED,
                    "pages of %d bytes after pages of %d".formatted(pageBytes, known.pageBytes()));
        }
        return known;
    }

    private MemorySegment decompress(int encoding, MemorySegment encoded, BatchBuffer into)
            throws ProtocolException {
        int most = (int) into.dataBytes() + into.dataPages();
        int length =
                encoded.byteSize() < BatchEncoder.LENGTH_BYTES
                        ? -1
                        : encoded.get(PageForm.NUMBER, 0);
        if (length < 1 || length > most) {
            throw new ProtocolException(
                    ErrorCode.MALFORMED,
                    "a batch that would be %d bytes when unpacked; at most %d are possible"
                            .formatted(length, most));
        }
        ByteBuffer from = encoded.asSlice(BatchEncoder.LENGTH_BYTES).asByteBuffer();
        ByteBuffer to = packed.asSlice(0, length).asByteBuffer();
        int written = decompress(encoding, from, to);
        if (written != length) {
            throw new ProtocolException(
                    ErrorCode.MALFORMED,
                    "a batch with %d bytes instead of %d when unpacked".formatted(written, length));
        }
        return packed.asSlice(0, length);
    }

    private int decompress(int encoding, ByteBuffer from, ByteBuffer to) throws ProtocolException {
        int bytes = from.remaining();
        int room = to.remaining();
        try {
            return encoding == Encoding.LZ4.code()
                    ? lz4.decompress(from, 0, bytes, to, 0, room)
                    : zstd.decompressDirectByteBuffer(to, 0, room, from, 0, bytes);
        } catch (LZ4Exception | ZstdException e) {
            throw new ProtocolException(
                    ErrorCode.MALFORMED, "a batch that cannot be unpacked: " + e.getMessage());
        }
    }

    @Override
    public void close() {
        zstd.close();
        arena.close();
    }
}
