package dev.stillframe.transport.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.Seed;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Frames against the document, against damage, and against malice. */
@ExtendWith(LeakCheck.class)
class FrameTest {
    private static final int BATCH_FIXED = FrameHeader.BYTES;
    private static final int BATCH_FIRST_RUN = BATCH_FIXED + BatchFormat.FIXED_BYTES;

    private final Arena arena = Arena.ofShared();
    private final Random random = Seed.random();
    private final List<BatchBuffer> idle = new ArrayList<>();
    private int acquired;
    private int released;

    @AfterEach
    void free() {
        assertThat(released).as("buffers given back").isEqualTo(acquired);
        arena.close();
    }

    static Stream<String> documented() throws IOException {
        return GoldenVectors.read().keySet().stream();
    }

    @Test
    void theDocumentHasAFrameOfEveryType() throws IOException {
        List<String> types = Arrays.stream(MessageType.values()).map(Enum::name).toList();
        assertThat(GoldenVectors.read().keySet()).containsExactlyInAnyOrderElementsOf(types);
    }

    @ParameterizedTest
    @MethodSource("documented")
    void framesHaveTheDocumentedBytes(String name) throws IOException {
        byte[] own =
                name.equals("BATCH")
                        ? Frames.of(258, Frames.exampleBatch(), SampleBatch.PAGE)
                        : Frames.of(example(name));
        assertThat(own).isEqualTo(golden(name));
    }

    @ParameterizedTest
    @MethodSource("documented")
    void documentedFramesAreReadAsWhatTheyAre(String name) throws Exception {
        Message message = read(golden(name));
        if (message == null) {
            throw new AssertionError("not a whole message");
        }
        if (message instanceof Message.Batch(var sequence, var pages)) {
            assertThat(Frames.of(sequence, pages, SampleBatch.PAGE))
                    .isEqualTo(golden(name)); // releases them
        } else {
            assertThat(Frames.of(message)).isEqualTo(golden(name));
        }
    }

    @Test
    void aBatchIsReadIntoAlignedMemory() throws Exception {
        Message.Batch batch = readBatch(golden("BATCH"));
        assertThat(batch.sequence()).isEqualTo(258);
        assertThat(batch.pages().runCount()).isEqualTo(4);
        assertThat(batch.pages().data(0).address() % SampleBatch.PAGE).isZero();
        assertThat(batch.pages().data(0).toArray(ValueLayout.JAVA_BYTE)).containsOnly(1);
        assertThat(batch.pages().kind(1)).isEqualTo(PageKind.ZERO);
        assertThat(batch.pages().pageCount(1)).isEqualTo(2);
        assertThat(batch.pages().kind(2)).isEqualTo(PageKind.LOST);
        assertThat(batch.pages().firstOrdinal(2)).isEqualTo(3);
        assertThat(batch.pages().kind(3)).isEqualTo(PageKind.IN_PARENT);
        assertThat(batch.pages().pageCount(3)).isEqualTo(2);
        assertThat(batch.pages().hashes(3).get(ValueLayout.JAVA_BYTE, 16)).isEqualTo((byte) 0xd0);
        assertThat(batch.pages().dataBytes()).isEqualTo(SampleBatch.PAGE);
        batch.pages().release();
    }

    @ParameterizedTest
    @MethodSource("documented")
    void noPrefixIsAMessage(String name) throws Exception {
        byte[] frame = golden(name);
        for (int length = 1; length < frame.length; length++) {
            try (FrameReader reader = new FrameReader(this::acquire)) {
                assertThat(reader.read(Unpooled.wrappedBuffer(frame, 0, length))).isNull();
                assertThat(reader.isInsideFrame()).isTrue();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("documented")
    void everyFlippedBitIsNoticed(String name) throws IOException {
        byte[] frame = golden(name);
        int checked = name.equals("BATCH") ? frame.length - SampleBatch.PAGE : frame.length;
        for (int bit = 0; bit < checked * Byte.SIZE; bit++) {
            byte[] damaged = frame.clone();
            damaged[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
            assertThatThrownBy(() -> read(damaged))
                    .as("bit %d", bit)
                    .isInstanceOf(ProtocolException.class);
        }
    }

    @ParameterizedTest
    @MethodSource("documented")
    void everyChangedByteIsNoticed(String name) throws IOException {
        byte[] frame = golden(name);
        int checked = name.equals("BATCH") ? frame.length - SampleBatch.PAGE : frame.length;
        for (int at = 0; at < checked; at++) {
            byte[] damaged = frame.clone();
            damaged[at] = (byte) (damaged[at] + 1 + random.nextInt(255));
            assertThatThrownBy(() -> read(damaged))
                    .as("byte %d", at)
                    .isInstanceOf(ProtocolException.class);
        }
    }

    @Test
    void framesMayArriveInAnyPieces() throws Exception {
        byte[][] frames = GoldenVectors.read().values().toArray(byte[][]::new);
        for (int round = 0; round < 200; round++) {
            byte[] stream = new byte[Arrays.stream(frames).mapToInt(frame -> frame.length).sum()];
            int end = 0;
            for (byte[] frame : frames) {
                System.arraycopy(frame, 0, stream, end, frame.length);
                end += frame.length;
            }
            assertThat(messages(stream)).isEqualTo(frames.length);
        }
    }

    /** A liar with right checksums: whatever is said, the answer is a message or a refusal. */
    @Test
    void sealedNonsenseIsReadOrRefused() throws Exception {
        byte[][] frames = GoldenVectors.read().values().toArray(byte[][]::new);
        int refused = 0;
        int rounds = 50_000;
        for (int round = 0; round < rounds; round++) {
            byte[] frame = frames[random.nextInt(frames.length)].clone();
            for (int change = random.nextInt(4); change >= 0; change--) {
                frame[6 + random.nextInt(Math.min(frame.length - 6, 100))] =
                        (byte) random.nextInt(256);
            }
            try {
                messages(Frames.sealed(frame));
            } catch (ProtocolException e) {
                refused++;
            }
        }
        assertThat(refused).isBetween(rounds / 10, rounds - 1);
    }

    @Test
    void lengthsAreRefusedBeforeTheirBytesAreThere() throws IOException {
        for (MessageType type : MessageType.values()) {
            byte[] header = Arrays.copyOf(golden(type.name()), FrameHeader.BYTES);
            for (int length :
                    new int[] {type.maxBodyBytes() + 1, Integer.MAX_VALUE, -1, Integer.MIN_VALUE}) {
                ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putInt(8, length);
                assertRefused(sealedHeader(header), ErrorCode.LIMIT);
            }
        }
    }

    @Test
    void otherVersionsAndFlagsAreRefusedByName() throws IOException {
        byte[] version = golden("KEEP_ALIVE");
        version[4] = 1;
        assertRefused(sealedHeader(version), ErrorCode.VERSION);
        byte[] flags = golden("KEEP_ALIVE");
        flags[7] = 1;
        assertRefused(sealedHeader(flags), ErrorCode.UNSUPPORTED);
        byte[] type = golden("KEEP_ALIVE");
        type[6] = 0;
        assertRefused(sealedHeader(type), ErrorCode.MALFORMED);
    }

    @Test
    void hugeBatchesAreRefusedBeforeMemoryIsTaken() throws IOException {
        byte[] batch = golden("BATCH");
        ByteBuffer bytes = ByteBuffer.wrap(batch).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(BATCH_FIXED + 8, -1); // data pages
        assertRefused(Frames.sealed(batch), ErrorCode.MALFORMED);
        bytes.putInt(BATCH_FIXED + 8, 1).putInt(BATCH_FIXED + 12, 1 << 30); // page size
        assertRefused(Frames.sealed(batch), ErrorCode.MALFORMED);
        bytes.putInt(BATCH_FIXED + 12, SampleBatch.PAGE).putInt(BATCH_FIXED + 24, -1); // in parent
        assertRefused(Frames.sealed(batch), ErrorCode.MALFORMED);
        bytes.putInt(BATCH_FIXED + 24, Limits.MAX_HASHES);
        assertRefused(Frames.sealed(batch), ErrorCode.MALFORMED);
        assertThat(acquired).isZero();
    }

    @Test
    void contentsHaveTheLengthThatTheirEncodingAllows() throws IOException {
        byte[] batch = golden("BATCH");
        ByteBuffer bytes = ByteBuffer.wrap(batch).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(BATCH_FIXED + 20, SampleBatch.PAGE - 1); // raw, but not whole pages
        assertRefused(Frames.sealed(batch), ErrorCode.MALFORMED);
        bytes.put(BATCH_FIXED + 18, (byte) 1).putInt(BATCH_FIXED + 20, SampleBatch.PAGE);
        assertRefused(Frames.sealed(batch), ErrorCode.MALFORMED); // encoded, but no shorter
        assertThat(acquired).isZero();
    }

    @Test
    void runsThatLieAreRefused() throws IOException {
        assertRunRefused(0, new byte[] {0}, ErrorCode.MALFORMED); // kind UNKNOWN
        assertRunRefused(0, new byte[] {4}, ErrorCode.MALFORMED); // no contents, but some came
        assertRunRefused(0, new byte[] {5}, ErrorCode.MALFORMED);
        assertRunRefused(0, new byte[] {1}, ErrorCode.MALFORMED); // the data belongs to no run
        assertRunRefused(1, new byte[] {1}, ErrorCode.UNSUPPORTED); // reserved
        assertRunRefused(7, new byte[] {1}, ErrorCode.UNSUPPORTED);
        assertRunRefused(8, new byte[] {0, 0, 0, 0, 0, 0, 0, -1}, ErrorCode.LIMIT); // ordinal
        assertRunRefused(16, new byte[] {0, 0, 0, 0, 0, 0, 0, 0}, ErrorCode.LIMIT); // no pages
        assertRunRefused(16, new byte[] {2, 0, 0, 0, 0, 0, 0, 0}, ErrorCode.MALFORMED); // too many
        assertRunRefused(16, new byte[] {-1, -1, -1, -1, -1, -1, -1, 127}, ErrorCode.LIMIT);
    }

    @Test
    void aZeroRunMayHaveBillionsOfPages() throws Exception {
        SampleBatch zeros = new SampleBatch().add(PageKind.ZERO, 5, 1L << 35);
        Message.Batch batch = readBatch(Frames.of(1, zeros, SampleBatch.PAGE));
        assertThat(batch.pages().pageCount(0)).isEqualTo(1L << 35);
        batch.pages().release();
    }

    @Test
    void shortAndLongRunsKeepTheirOrder() throws Exception {
        SampleBatch runs = new SampleBatch();
        long ordinal = 0;
        for (int count : new int[] {1, 40, 1, 2, 3, 8, 9, 1, 100, 7}) {
            runs.addRandom(ordinal, count, random).add(PageKind.ZERO, ordinal + count, 1);
            ordinal += count + 1;
        }
        byte[] frame = Frames.of(7, runs, SampleBatch.PAGE);
        Message.Batch batch = readBatch(frame);
        assertThat(Frames.of(7, batch.pages(), SampleBatch.PAGE)).isEqualTo(frame);
    }

    @Test
    void textsOfAPeerCannotSteerATerminal() throws Exception {
        Message read = read(Frames.of(new Message.Abort("a\u001b[2Jb\nc\u202ed")));
        assertThat(read).isEqualTo(new Message.Abort("a?[2Jb?c?d"));
    }

    @Test
    void longTextsAreCutBetweenCharacters() throws Exception {
        Message read = read(Frames.of(new Message.Abort("x" + "ä".repeat(2000))));
        assertThat(read).isEqualTo(new Message.Abort("x" + "ä".repeat(511)));
    }

    @Test
    void partsHaveOneLengthOnly() throws IOException {
        byte[] layout = golden("LAYOUT");
        ByteBuffer bytes = ByteBuffer.wrap(layout).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(FrameHeader.BYTES, 3); // says that one more byte belongs to this part
        assertRefused(Frames.sealed(layout), ErrorCode.MALFORMED);
        bytes.putLong(FrameHeader.BYTES, Limits.MAX_DOCUMENT_BYTES + 1);
        assertRefused(Frames.sealed(layout), ErrorCode.LIMIT);
    }

    private void assertRunRefused(int offset, byte[] value, ErrorCode code) throws IOException {
        byte[] batch = golden("BATCH");
        System.arraycopy(value, 0, batch, BATCH_FIRST_RUN + offset, value.length);
        assertRefused(Frames.sealed(batch), code);
    }

    private void assertRefused(byte[] bytes, ErrorCode code) {
        assertThatThrownBy(() -> read(bytes))
                .isInstanceOfSatisfying(
                        ProtocolException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    private @Nullable Message read(byte[] bytes) throws ProtocolException {
        try (FrameReader reader = new FrameReader(this::acquire)) {
            return reader.read(Unpooled.wrappedBuffer(bytes));
        }
    }

    private Message.Batch readBatch(byte[] bytes) throws ProtocolException {
        if (read(bytes) instanceof Message.Batch batch) {
            return batch;
        }
        throw new AssertionError("not a whole batch");
    }

    /** Reads {@code stream} in random pieces; how many messages there were. */
    private int messages(byte[] stream) throws ProtocolException {
        int messages = 0;
        try (FrameReader reader = new FrameReader(this::acquire)) {
            int at = 0;
            while (at < stream.length) {
                int length = Math.min(stream.length - at, 1 + random.nextInt(200));
                var in = Unpooled.wrappedBuffer(stream, at, length);
                at += length;
                Message message;
                while ((message = reader.read(in)) != null) {
                    messages++;
                    if (message instanceof Message.Batch(var _, var pages)) {
                        pages.release();
                    }
                }
            }
        }
        return messages;
    }

    private BatchBuffer acquire() {
        acquired++;
        return idle.isEmpty() ? new BatchBuffer(arena, this::release) : idle.removeLast();
    }

    private void release(BatchBuffer buffer) {
        released++;
        idle.add(buffer);
    }

    private static byte[] sealedHeader(byte[] frame) {
        return Frames.sealed(Arrays.copyOf(frame, FrameHeader.BYTES));
    }

    private static Message example(String name) {
        Message message = Frames.examples().get(name);
        if (message == null) {
            throw new AssertionError("the document has a frame " + name + ", the test has none");
        }
        return message;
    }

    private static byte[] golden(String name) throws IOException {
        Map<String, byte[]> frames = GoldenVectors.read();
        return frames.getOrDefault(name, new byte[0]).clone();
    }
}
