package dev.stillframe.transport.encoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchFrame;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.GoldenVectors;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Batches through an encoder, frames, and a decoder. */
@ExtendWith(LeakCheck.class)
class BatchEncodingTest {
    private static final int PAGE = SampleBatch.PAGE;
    private static final int DICTIONARY_BYTES = Limits.MIN_DICTIONARY_BYTES;
    private static final String WORDS =
            "the page is protected, the writer waits, the copy is made, the writer goes on. ";

    private final Random random = Seed.random();
    private final Arena arena = Arena.ofShared();
    private final BatchBuffer buffer = new BatchBuffer(arena, _ -> {});
    private final BatchEncoder encoder = new BatchEncoder(DICTIONARY_BYTES, PAGE, 2);
    private final FrameReader reader = reader();

    @AfterEach
    void free() {
        reader.close();
        encoder.close();
        arena.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"PACKED", "LZ4", "ZSTD"})
    void whatIsDecodedIsWhatWasEncoded(Encoding wish) throws Exception {
        byte[][] pages = new byte[700][]; // more than the dictionary has places
        Arrays.setAll(pages, _ -> page());
        int encoded = 0;
        for (int sequence = 1; sequence <= 300; sequence++) {
            SampleBatch batch = new SampleBatch();
            int next = 0;
            for (int run = 0; run < 1 + random.nextInt(4); run++) {
                int first = next + random.nextInt(80);
                int count = 1 + random.nextInt(60);
                byte[] bytes = new byte[count * PAGE];
                for (int i = 0; i < count; i++) {
                    change(pages, first + i);
                    System.arraycopy(pages[first + i], 0, bytes, i * PAGE, PAGE);
                }
                batch.addData(first, bytes);
                batch.add(PageKind.ZERO, first + count, 1);
                next = first + count + 1;
            }
            encoded += transfer(sequence, batch, wish) == wish ? 1 : 0;
        }
        assertThat(encoded).isGreaterThan(100);
    }

    @Test
    void contentsAreAsDocumented() throws Exception {
        Map<String, byte[]> documented = GoldenVectors.read("contents");
        byte[] pages = new byte[3 * PAGE];
        Arrays.fill(pages, (byte) 1);
        pages[PAGE - 1] = 2;
        Arrays.fill(pages, PAGE, 2 * PAGE, (byte) 7);
        System.arraycopy(pages, 0, pages, 2 * PAGE, PAGE);
        transfer(1, new SampleBatch().addData(0, pages), Encoding.PACKED);
        assertThat(encoder.contents().toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(documented.get("FIRST"));
        byte[] next = new byte[2 * PAGE];
        System.arraycopy(pages, 0, next, 0, PAGE);
        System.arraycopy(pages, 0, next, PAGE, PAGE);
        next[Long.BYTES] = 9;
        transfer(2, new SampleBatch().addData(0, next), Encoding.PACKED);
        assertThat(encoder.contents().toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(documented.get("SECOND"));
    }

    @Test
    void aPageThatComesAgainIsNamed() throws Exception {
        byte[] bytes = new byte[40 * PAGE];
        random.nextBytes(bytes);
        for (int page = 0; page < 4; page++) {
            System.arraycopy(text(), 0, bytes, page * PAGE, PAGE);
        }
        System.arraycopy(bytes, 5 * PAGE, bytes, 9 * PAGE, PAGE);
        transfer(1, new SampleBatch().addData(0, bytes), Encoding.LZ4);
        assertThat(encoder.pages(PageForm.SAME)).isEqualTo(1);
        assertThat(encoder.pages(PageForm.RAW)).isEqualTo(39);
        assertThat(transfer(2, new SampleBatch().addData(1000, bytes), Encoding.LZ4))
                .isEqualTo(Encoding.PACKED); // too short to compress
        assertThat(encoder.pages(PageForm.SAME)).isEqualTo(40);
        assertThat(encoder.contents().byteSize()).isLessThan(40 * 6);
    }

    @Test
    void aPageThatChangedALittleIsADifference() throws Exception {
        byte[] bytes = new byte[100 * PAGE];
        random.nextBytes(bytes);
        Arrays.fill(bytes, 0, 10 * PAGE, (byte) 3);
        transfer(1, new SampleBatch().addData(50, bytes), Encoding.PACKED);
        assertThat(encoder.pages(PageForm.PATTERN)).isEqualTo(10);
        for (int page = 10; page < 100; page++) {
            bytes[page * PAGE + random.nextInt(PAGE)]++;
        }
        transfer(2, new SampleBatch().addData(50, bytes), Encoding.PACKED);
        assertThat(encoder.pages(PageForm.DELTA)).isEqualTo(90);
        assertThat(encoder.contents().byteSize()).isEqualTo(100 + 10 * 8 + 90 * (8 + 4 + 8));
    }

    @Test
    void aDifferenceNeedsNoOtherGainBefore() throws Exception {
        byte[] bytes = new byte[100 * PAGE];
        random.nextBytes(bytes);
        assertThat(transfer(1, new SampleBatch().addData(0, bytes), Encoding.LZ4))
                .isEqualTo(Encoding.KEPT);
        Encoding how = Encoding.KEPT;
        for (int sequence = 2; how == Encoding.KEPT; sequence++) {
            bytes[random.nextInt(bytes.length)]++;
            how = transfer(sequence, new SampleBatch().addData(0, bytes), Encoding.LZ4);
            assertThat(sequence).isLessThan(30);
        }
        assertThat(encoder.pages(PageForm.RAW)).isZero();
    }

    @Test
    void whatGainsNothingIsSentAsItIs() {
        SampleBatch batch = new SampleBatch().addRandom(0, 100, random);
        assertThat(encoder.encode(batch, Encoding.ZSTD)).isEqualTo(Encoding.KEPT);
        batch.release();
        SampleBatch text = new SampleBatch().addData(0, text());
        int skipped = 0;
        while (encoder.encode(text, Encoding.ZSTD) == Encoding.KEPT) { // tried again, not at once
            skipped++;
        }
        assertThat(skipped).isBetween(1, 16);
        text.release();
    }

    @Test
    void damagedContentsAreRefusedOrPages() throws Exception {
        byte[] bytes = new byte[16 * PAGE];
        Arrays.fill(bytes, 0, bytes.length / 2, (byte) 7);
        for (int page = 8; page < 16; page++) {
            System.arraycopy(text(), 0, bytes, page * PAGE, PAGE);
        }
        System.arraycopy(bytes, 8 * PAGE, bytes, 13 * PAGE, PAGE);
        SampleBatch batch = new SampleBatch().addData(0, bytes);
        for (Encoding encoding : List.of(Encoding.PACKED, Encoding.LZ4, Encoding.ZSTD)) {
            byte[] contents = encodedAfresh(batch, encoding);
            for (int i = 0; i < 3_000; i++) {
                byte[] damaged = contents.clone();
                for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
                    damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
                }
                boolean cut = random.nextInt(4) == 0;
                int length = cut ? 1 + random.nextInt(damaged.length) : damaged.length;
                decode(encoding, Arrays.copyOf(damaged, length));
            }
        }
        batch.release();
    }

    private static byte[] encodedAfresh(SampleBatch batch, Encoding encoding) {
        try (BatchEncoder fresh = new BatchEncoder(DICTIONARY_BYTES, PAGE, 1)) {
            assertThat(fresh.encode(batch, encoding)).isEqualTo(encoding);
            return fresh.contents().toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Sixteen pages, or an exception of the protocol. */
    private void decode(Encoding encoding, byte[] contents) throws Exception {
        SampleBatch pages = new SampleBatch().addRandom(0, 16, random);
        try (Arena memory = Arena.ofConfined();
                FrameReader hostile = reader()) {
            MemorySegment encoded = memory.allocateFrom(ValueLayout.JAVA_BYTE, contents);
            List<ByteBuf> frame =
                    BatchFrame.of(
                            1, pages, PAGE, encoding.code(), encoded, ByteBufAllocator.DEFAULT);
            ByteBuf stream = Unpooled.wrappedBuffer(frame.toArray(new ByteBuf[0]));
            try {
                assertThat(hostile.read(stream)).isInstanceOf(Message.Batch.class);
            } catch (ProtocolException e) {
                assertThat(e.code()).isNotNull();
            } finally {
                stream.release();
            }
        }
        pages.release();
    }

    /** With a decoder of its own. */
    private FrameReader reader() {
        return new FrameReader(
                new BatchMemory() {
                    @Override
                    public BatchBuffer acquire() {
                        return buffer;
                    }

                    @Override
                    public Contents contents() {
                        return new BatchDecoder(DICTIONARY_BYTES);
                    }
                });
    }

    @Test
    void encodedBatchesAreRefusedWhereNoDictionaryWasOffered() {
        SampleBatch batch = new SampleBatch().addData(0, text());
        Encoding how = encoder.encode(batch, Encoding.LZ4);
        try (FrameReader strict = new FrameReader(() -> buffer)) {
            ByteBuf stream = stream(1, batch, how);
            assertThatThrownBy(() -> strict.read(stream))
                    .isInstanceOf(ProtocolException.class)
                    .hasMessageContaining("dictionary");
            stream.release();
        }
        batch.release();
    }

    private ByteBuf stream(long sequence, SampleBatch batch, Encoding how) {
        ByteBufAllocator memory = ByteBufAllocator.DEFAULT;
        List<ByteBuf> pieces =
                Contents.arePages(how.code())
                        ? BatchFrame.of(sequence, batch, PAGE, how.code(), memory)
                        : BatchFrame.of(
                                sequence, batch, PAGE, how.code(), encoder.contents(), memory);
        return Unpooled.wrappedBuffer(pieces.toArray(new ByteBuf[0]));
    }

    /** How it went. */
    private Encoding transfer(long sequence, SampleBatch batch, Encoding wish) throws Exception {
        Encoding how = encoder.encode(batch, wish);
        ByteBuf stream = stream(sequence, batch, how);
        Message message = reader.read(stream);
        stream.release();
        if (!(message instanceof Message.Batch(var _, var pages))) {
            throw new AssertionError("not a whole batch: " + message);
        }
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                assertThat(pages.data(run).mismatch(batch.data(run))).isEqualTo(-1);
            }
        }
        batch.release();
        return how;
    }

    private byte[] page() {
        byte[] page = new byte[PAGE];
        switch (random.nextInt(4)) {
            case 0 -> random.nextBytes(page);
            case 1 -> Arrays.fill(page, (byte) random.nextInt());
            default -> page = text();
        }
        return page;
    }

    private byte[] text() {
        byte[] page = new byte[PAGE];
        for (int i = 0; i < PAGE; i++) {
            page[i] = (byte) WORDS.charAt((i + random.nextInt(2)) % WORDS.length());
        }
        return page;
    }

    private void change(byte[][] pages, int page) {
        switch (random.nextInt(4)) {
            case 0 -> pages[page] = page();
            case 1 -> pages[page] = pages[random.nextInt(pages.length)].clone();
            case 2 -> pages[page][random.nextInt(PAGE)]++;
            default -> {}
        }
    }
}
