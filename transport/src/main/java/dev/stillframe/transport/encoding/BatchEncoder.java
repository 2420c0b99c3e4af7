package dev.stillframe.transport.encoding;

import com.github.luben.zstd.ZstdCompressCtx;
import dev.stillframe.engine.page.PageBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Factory;

/**
 * Encodes the batches of one lane. What it has encoded stays in its memory while the socket takes
 * it. Owned by one thread; allocates nothing for a page.
 */
public final class BatchEncoder implements AutoCloseable {
    /** Length of the packed batch, before the compressed one. */
    static final int LENGTH_BYTES = Integer.BYTES;

    /** What is packed to less than this part needs no compression. */
    private static final int SHORT_PART = 16;

    /** What saves less than this part costs the receiver more than it gains. */
    private static final int GAIN_PART = 32;

    private static final int ZSTD_LEVEL = 3;

    /** After batches without gain so many are not tried. */
    private static final int MAX_SKIPS = 16;

    private final Arena arena = Arena.ofShared();
    private final PagePacker packer;
    private final ByteBuffer packed;
    private final MemorySegment[] outputs;
    private final ByteBuffer[] outputBuffers;
    private final LZ4Compressor lz4 = LZ4Factory.fastestInstance().fastCompressor();
    private final ZstdCompressCtx zstd = new ZstdCompressCtx().setLevel(ZSTD_LEVEL);
    private int turn;
    private int skips;
    private int toSkip;
    private Encoding encoding = Encoding.RAW;
    private MemorySegment contents = MemorySegment.NULL;

    /**
     * Takes its memory: the dictionary and some MiB.
     *
     * @param dictionaryBytes as the receiver said
     * @param pageBytes size of all pages
     * @param depth the last so many results of {@link #encode} stay as they are
     */
    public BatchEncoder(int dictionaryBytes, int pageBytes, int depth) {
        packer = new PagePacker(arena, dictionaryBytes, pageBytes);
        packed = packer.packed().asByteBuffer();
        outputs = new MemorySegment[depth];
        outputBuffers = new ByteBuffer[depth];
        int capacity = LENGTH_BYTES + lz4.maxCompressedLength(PagePacker.MAX_BYTES);
        for (int i = 0; i < depth; i++) {
            outputs[i] = arena.allocate(capacity, Long.BYTES);
            outputBuffers[i] = outputs[i].asByteBuffer();
        }
    }

    /** Native memory of an encoder with such a dictionary that keeps so many results. */
    public static long memoryBytes(int dictionaryBytes, int depth) {
        long output =
                LENGTH_BYTES
                        + (long)
                                LZ4Factory.fastestInstance()
                                        .fastCompressor()
                                        .maxCompressedLength(PagePacker.MAX_BYTES);
        return dictionaryBytes + PagePacker.MAX_BYTES + depth * output;
    }

    /**
     * Encodes a batch with data; all of these have to be sent, in this order.
     *
     * @param wish with what; what is short anyway is not compressed
     * @return how it is encoded; if that gains nothing, {@link Encoding#KEPT}
     */
    public Encoding encode(PageBatch batch, Encoding wish) {
        if (toSkip > 0) {
            toSkip--;
            packer.keep(batch);
            encoding = Encoding.KEPT;
        } else {
            long rawBytes = batch.dataBytes();
            int bytes = pack(batch, wish);
            if (bytes > rawBytes - rawBytes / GAIN_PART) {
                skips = Math.min(MAX_SKIPS, 2 * skips + 1);
                toSkip = skips;
                packer.keep();
                encoding = Encoding.KEPT;
            } else {
                skips = 0;
                contents = outputs[turn].asSlice(0, bytes);
                turn = (turn + 1) % outputs.length;
            }
        }
        packer.enter();
        return encoding;
    }

    private int pack(PageBatch batch, Encoding wish) {
        int packedBytes = packer.pack(batch);
        MemorySegment output = outputs[turn];
        if (wish == Encoding.PACKED || packedBytes <= batch.dataBytes() / SHORT_PART) {
            encoding = Encoding.PACKED;
            MemorySegment.copy(packer.packed(), 0, output, 0, packedBytes);
            return packedBytes;
        }
        encoding = wish;
        output.set(PageForm.NUMBER, 0, packedBytes);
        return compress(packedBytes, outputBuffers[turn]);
    }

    private int compress(int packedBytes, ByteBuffer into) {
        int room = into.capacity() - LENGTH_BYTES;
        return LENGTH_BYTES
                + switch (encoding) {
                    case LZ4 -> lz4.compress(packed, 0, packedBytes, into, LENGTH_BYTES, room);
                    case ZSTD ->
                            zstd.compressDirectByteBuffer(
                                    into, LENGTH_BYTES, room, packed, 0, packedBytes);
                    case RAW, PACKED, KEPT ->
                            throw new IllegalStateException(encoding + " compresses nothing");
                };
    }

    /** The last batch that is not {@link Encoding#KEPT}, encoded. */
    public MemorySegment contents() {
        return contents;
    }

    /** Pages of the last batch that have this form. */
    public int pages(PageForm form) {
        return packer.count(form);
    }

    /** Size of the pages. */
    public int pageBytes() {
        return packer.pageBytes();
    }

    /** Gives the memory back, which nothing may use any more. */
    @Override
    public void close() {
        zstd.close();
        arena.close();
    }
}
