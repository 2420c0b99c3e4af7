package dev.stillframe.tests.bench;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.RunBatch;
import dev.stillframe.transport.encoding.BatchDecoder;
import dev.stillframe.transport.encoding.BatchEncoder;
import dev.stillframe.transport.encoding.Encoding;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchFrame;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.FrameReader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * What encodings gain and cost, on one thread: bytes of pages a second in and out, and what is left
 * of them, by the kind of memory.
 */
final class EncodingBench {
    private static final int PAGE_BYTES = 4096;
    private static final int BATCH_PAGES = 256;
    private static final int BATCHES = 96;
    private static final int DICTIONARY_BYTES = 8 << 20;
    private static final int TURNS = 5;
    private static final Encoding[] ENCODINGS = {Encoding.PACKED, Encoding.LZ4, Encoding.ZSTD};

    /** Memory as programs have it. */
    private enum Memory {
        RANDOM,
        TEXT,
        OBJECTS,
        ROUNDS
    }

    private EncodingBench() {}

    static void measure(Figures figures) throws Exception {
        for (Memory memory : Memory.values()) {
            for (Encoding encoding : ENCODINGS) {
                try (Course course = new Course(memory, encoding)) {
                    course.turn(); // warm
                    List<Double> encode = new ArrayList<>();
                    List<Double> decode = new ArrayList<>();
                    for (int turn = 0; turn < TURNS; turn++) {
                        course.turn();
                        encode.add(course.bytes / (double) course.encodeNanos);
                        decode.add(course.bytes / (double) course.decodeNanos);
                    }
                    String suffix = "_%s_%s".formatted(memory, encoding).toLowerCase(Locale.ROOT);
                    figures.add("left" + suffix, course.left / (double) course.bytes);
                    figures.add("encode_gb_per_s" + suffix, Figures.quantile(encode, 0.5));
                    figures.add("decode_gb_per_s" + suffix, Figures.quantile(decode, 0.5));
                    figures.add(
                            "allocated_bytes_per_page" + suffix,
                            course.allocated * (double) PAGE_BYTES / course.bytes);
                }
            }
        }
    }

    private static final class Course implements AutoCloseable {
        private final Arena arena = Arena.ofShared();
        private final Random random = new Random(1);
        private final Memory memory;
        private final Encoding encoding;
        private final Batch[] batches = new Batch[BATCHES];
        private final BatchBuffer buffer = new BatchBuffer(arena, _ -> {});
        private long bytes;
        private long left;
        private long encodeNanos;
        private long decodeNanos;
        private long allocated;
        private long sequence;

        Course(Memory memory, Encoding encoding) {
            this.memory = memory;
            this.encoding = encoding;
            for (int i = 0; i < BATCHES; i++) {
                // Rounds send the same pages again, some words of each changed.
                boolean again = memory == Memory.ROUNDS && i % 4 > 0;
                batches[i] = new Batch(again ? batches[i - 1] : null, i);
            }
        }

        private void turn() throws Exception {
            bytes = 0;
            left = 0;
            encodeNanos = 0;
            decodeNanos = 0;
            var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();
            try (BatchEncoder encoder = new BatchEncoder(DICTIONARY_BYTES, PAGE_BYTES, 2);
                    FrameReader reader = new FrameReader(memoryOfReader())) {
                for (Batch batch : batches) {
                    transfer(batch, encoder, reader);
                }
            }
            allocated = threads.getCurrentThreadAllocatedBytes() - before;
        }

        private void transfer(Batch batch, BatchEncoder encoder, FrameReader reader)
                throws Exception {
            long start = System.nanoTime();
            Encoding how = encoder.encode(batch, encoding);
            encodeNanos += System.nanoTime() - start;
            bytes += batch.dataBytes();
            left += how == Encoding.KEPT ? batch.dataBytes() : encoder.contents().byteSize();
            List<ByteBuf> frame =
                    how == Encoding.KEPT
                            ? BatchFrame.of(
                                    ++sequence,
                                    batch,
                                    PAGE_BYTES,
                                    how.code(),
                                    ByteBufAllocator.DEFAULT)
                            : BatchFrame.of(
                                    ++sequence,
                                    batch,
                                    PAGE_BYTES,
                                    how.code(),
                                    encoder.contents(),
                                    ByteBufAllocator.DEFAULT);
            ByteBuf stream = Unpooled.wrappedBuffer(frame.toArray(new ByteBuf[0]));
            long received = System.nanoTime();
            if (reader.read(stream) == null) {
                throw new IllegalStateException("not a whole batch");
            }
            decodeNanos += System.nanoTime() - received;
            stream.release();
            if (buffer.contents().mismatch(batch.data) >= 0) {
                throw new IllegalStateException("decoded to something else");
            }
        }

        private BatchMemory memoryOfReader() {
            return new BatchMemory() {
                @Override
                public BatchBuffer acquire() {
                    return buffer;
                }

                @Override
                public Contents contents() {
                    return new BatchDecoder(DICTIONARY_BYTES);
                }
            };
        }

        @Override
        public void close() {
            arena.close();
        }

        private final class Batch extends RunBatch {
            private final MemorySegment data =
                    arena.allocate((long) BATCH_PAGES * PAGE_BYTES, PAGE_BYTES);

            private Batch(@Nullable Batch before, int number) {
                super(1, arena.allocate((long) BATCH_PAGES * PageHash.BYTES, Long.BYTES));
                for (long at = 0; at < data.byteSize(); at += Long.BYTES) {
                    data.set(ValueLayout.JAVA_LONG, at, word(at));
                }
                if (before != null) {
                    data.copyFrom(before.data);
                    for (int change = 0; change < 8 * BATCH_PAGES; change++) {
                        long at = random.nextLong(data.byteSize()) & -Long.BYTES;
                        data.set(ValueLayout.JAVA_LONG, at, random.nextLong());
                    }
                }
                add(
                        PageKind.DATA,
                        (long) (memory == Memory.ROUNDS ? number / 4 : number) * BATCH_PAGES,
                        BATCH_PAGES);
                PageHash hasher = new PageHash();
                for (int page = 0; page < BATCH_PAGES; page++) {
                    hasher.hash(
                            data,
                            (long) page * PAGE_BYTES,
                            PAGE_BYTES,
                            hashTable(),
                            (long) page * PageHash.BYTES);
                }
            }

            private long word(long at) {
                return switch (memory) {
                    case RANDOM, ROUNDS -> random.nextLong();
                    case TEXT -> { // letters, often the same ones
                        long word = 0;
                        for (int i = 0; i < Long.BYTES; i++) {
                            int letter = Math.min(random.nextInt(26), random.nextInt(26));
                            word = word << Byte.SIZE | 'a' + letter;
                        }
                        yield word;
                    }
                    case OBJECTS -> // headers, pointers that lie near each other, small numbers
                            switch ((int) (at / Long.BYTES % 4)) {
                                case 0 -> 1;
                                case 1 -> 0x7f3a_0000_0000L + random.nextInt(1 << 20) * 8L;
                                case 2 -> 0x7f3a_0000_0000L + at;
                                default -> random.nextInt(1000);
                            };
                };
            }

            @Override
            public MemorySegment data(int run) {
                return data;
            }

            @Override
            public long dataBytes() {
                return data.byteSize();
            }

            @Override
            public void release() {}
        }
    }
}
