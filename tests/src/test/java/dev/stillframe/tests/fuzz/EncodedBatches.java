package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import dev.stillframe.transport.encoding.BatchDecoder;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jpountz.lz4.LZ4Factory;

/**
 * Batches of one lane, one behind the other: for each, the number of its pages, its encoding, and
 * its contents. With the highest bit of the encoding the contents are what the input says; without
 * it the input says what is packed, and the compression around it is right.
 */
final class EncodedBatches {
    private static final int PAGE = 4096;
    private static final int DICTIONARY_BYTES = 1 << 20;
    private static final int MAX_BATCHES = 8;
    private static final int MAX_PAGES = 8;
    private static final int AS_IT_IS = 128;
    private static final int PACKED = 1;
    private static final int LZ4 = 2;
    private static final int ZSTD = 3;
    private static final int KEPT = 4;

    /** Two MiB of pages take their time; of the heap nothing depends on them. */
    private static final Budget BUDGET = new Budget(512 << 10, 64, Duration.ofSeconds(1));

    private static final Arena ARENA = Arena.ofShared(); // as long as the JVM: one for all inputs
    private static final Memory MEMORY = new Memory();

    /** Memory for one batch, and a decoder for each lane. */
    private static final class Memory implements BatchMemory {
        private final List<MemorySegment> segments = new ArrayList<>();
        private final BatchBuffer buffer = new BatchBuffer(remembering(), _ -> isTaken = false);
        private boolean isTaken;

        /** The segments of the buffer are remembered, to be filled. */
        private Arena remembering() {
            return new Arena() {
                @Override
                public MemorySegment allocate(long byteSize, long byteAlignment) {
                    segments.add(ARENA.allocate(byteSize, byteAlignment));
                    return segments.getLast();
                }

                @Override
                public MemorySegment.Scope scope() {
                    return ARENA.scope();
                }

                @Override
                public void close() {
                    throw new UnsupportedOperationException("one for all inputs");
                }
            };
        }

        void fill(byte value) {
            segments.forEach(
                    each ->
                            each.asSlice(0, Math.min(each.byteSize(), MAX_PAGES * PAGE))
                                    .fill(value));
        }

        @Override
        public BatchBuffer acquire() {
            assertThat(isTaken).as("the buffer is still taken").isFalse();
            isTaken = true;
            return buffer;
        }

        @Override
        public Contents contents() {
            return new BatchDecoder(DICTIONARY_BYTES);
        }
    }

    private EncodedBatches() {}

    /** A hash of the pages of each batch that was taken. */
    static List<Integer> run(byte[] input) {
        Cursor cursor = new Cursor(input);
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (int batch = 1; batch <= MAX_BATCHES && cursor.hasMore(); batch++) {
            stream.writeBytes(frame(batch, cursor));
        }
        byte[] bytes = stream.toByteArray();
        List<Integer> hashes = BUDGET.spend(bytes.length, () -> read(bytes, (byte) 0x55));
        assertThat(MEMORY.isTaken).as("the buffer was not given back").isFalse();
        // Nothing of what was in the memory before may be in a page.
        assertThat(read(bytes, (byte) 0xaa)).isEqualTo(hashes);
        return hashes;
    }

    private static List<Integer> read(byte[] stream, byte before) {
        List<Integer> hashes = new ArrayList<>();
        MEMORY.fill(before);
        try (FrameReader reader = new FrameReader(MEMORY)) {
            var in = Unpooled.wrappedBuffer(stream);
            while (reader.read(in) instanceof Message.Batch(var _, var pages)) {
                byte[] contents = ((BatchBuffer) pages).contents().toArray(ValueLayout.JAVA_BYTE);
                hashes.add(Arrays.hashCode(contents));
                pages.release();
            }
        } catch (ProtocolException e) {
            return hashes; // refused, as it has to be
        }
        return hashes;
    }

    private static byte[] frame(long sequence, Cursor input) {
        int pages = 1 + input.next() % MAX_PAGES;
        int choice = input.next();
        int encoding = choice % AS_IT_IS % 6;
        byte[] contents = contents(pages, encoding, choice >= AS_IT_IS, input);
        byte[] frame = new byte[FrameSeal.HEADER_BYTES + 28 + 24 + 16 * pages + contents.length];
        ByteBuffer out = ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN);
        out.putShort(4, (short) Limits.VERSION)
                .put(6, (byte) 4)
                .putInt(8, frame.length - FrameSeal.HEADER_BYTES);
        out.position(FrameSeal.HEADER_BYTES);
        out.putLong(sequence).putInt(pages).putInt(PAGE).putShort((short) 1);
        out.put((byte) encoding).put((byte) 0).putInt(contents.length).putInt(0);
        out.putLong(2).putLong(0).putLong(pages); // one run of data from page 0
        out.position(out.position() + 16 * pages).put(contents);
        FrameSeal.seal(frame);
        return frame;
    }

    private static byte[] contents(int pages, int encoding, boolean asItIs, Cursor input) {
        if (encoding == 0 || encoding == KEPT) {
            byte[] contents = new byte[pages * PAGE];
            for (int page = 0; page < pages; page++) {
                Arrays.fill(contents, page * PAGE, (page + 1) * PAGE, (byte) input.next());
            }
            return contents;
        }
        byte[] chosen = input.nextBytes();
        if (asItIs || encoding > ZSTD) {
            return chosen;
        }
        byte[] packed = packed(pages, chosen);
        return switch (encoding) {
            case LZ4 ->
                    compressed(packed, LZ4Factory.safeInstance().fastCompressor().compress(packed));
            case ZSTD -> compressed(packed, Zstd.compress(packed));
            case PACKED -> packed;
            default -> throw new IllegalStateException("encoding " + encoding);
        };
    }

    /** Forms and operands as chosen, and zeros for as many raw pages as there are. */
    private static byte[] packed(int pages, byte[] chosen) {
        long raw = 0;
        for (int page = 0; page < Math.min(pages, chosen.length); page++) {
            raw += chosen[page] == 0 ? 1 : 0;
        }
        return Arrays.copyOf(chosen, chosen.length + (int) raw * PAGE);
    }

    private static byte[] compressed(byte[] packed, byte[] compressed) {
        ByteBuffer out = ByteBuffer.wrap(new byte[Integer.BYTES + compressed.length]);
        out.order(ByteOrder.LITTLE_ENDIAN).putInt(packed.length).put(compressed);
        return out.array();
    }
}
