package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchFrame;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Streams of frames. The first byte of an input chooses the pieces in which the reader gets the
 * rest, and if it is odd, checksums are made right.
 */
class FrameFuzzTest {
    /** The largest body is a part of a document; one body may be announced that does not come. */
    private static final Budget BUDGET = new Budget(512 << 10, 32, Duration.ofSeconds(1));

    private static final Arena ARENA = Arena.ofShared(); // as long as the JVM: one for all inputs
    private static final BatchBuffers BUFFERS = new BatchBuffers(ARENA);

    /** What came of a stream: the frames that are right, and why it ended. */
    private record Outcome(List<byte[]> encoded, List<Integer> ends, String end) {}

    static Stream<byte[]> seeds() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        byte[] all = {3};
        for (byte[] frame : GoldenFrames.read().values()) {
            seeds.add(joined(new byte[] {(byte) (2 * seeds.size() + 1)}, frame));
            all = joined(all, frame);
        }
        seeds.add(all);
        return seeds.stream();
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(FrameFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void framesOrAProtocolException(byte[] input) {
        if (input.length == 0) {
            return;
        }
        byte[] stream = Arrays.copyOfRange(input, 1, input.length);
        if (input[0] % 2 != 0) {
            FrameSeal.seal(stream);
        }
        BUDGET.spend(stream.length, () -> countMessages(stream));
        Outcome whole = read(stream, 0);
        Outcome pieces = read(stream, input[0] | 1);
        assertThat(pieces.end()).isEqualTo(whole.end());
        assertThat(pieces.ends()).isEqualTo(whole.ends());
        assertThat(Arrays.deepEquals(pieces.encoded().toArray(), whole.encoded().toArray()))
                .as("the same messages in pieces as in one")
                .isTrue();
        checkEncoding(stream, whole);
    }

    private static int countMessages(byte[] stream) {
        int count = 0;
        try (PiecewiseReader reader = new PiecewiseReader(stream, BUFFERS, 0)) {
            Message message;
            while ((message = reader.next()) != null) {
                if (message instanceof Message.Batch(var _, var pages)) {
                    pages.release();
                }
                count++;
            }
        } catch (ProtocolException e) {
            return -count; // what it says is looked at by read
        }
        return count;
    }

    private static Outcome read(byte[] stream, int seed) {
        List<byte[]> encoded = new ArrayList<>();
        List<Integer> ends = new ArrayList<>();
        String end = "complete";
        try (PiecewiseReader reader = new PiecewiseReader(stream, BUFFERS, seed)) {
            Message message;
            while ((message = reader.next()) != null) {
                encoded.add(encoded(message));
                ends.add(reader.position());
            }
        } catch (ProtocolException e) {
            end = e.code() + " " + e.getMessage();
        }
        BUFFERS.checkAllReleased();
        return new Outcome(encoded, ends, end);
    }

    /** A frame is what its message makes, or makes a message that does. */
    private static void checkEncoding(byte[] stream, Outcome outcome) {
        int start = 0;
        for (int i = 0; i < outcome.ends().size(); i++) {
            byte[] encoded = outcome.encoded().get(i);
            byte[] frame = Arrays.copyOfRange(stream, start, outcome.ends().get(i));
            start = outcome.ends().get(i);
            if (!isLossy(frame)) {
                assertThat(encoded).isEqualTo(frame);
            }
            Outcome again = read(encoded, 0);
            assertThat(again.end()).isEqualTo("complete");
            assertThat(again.encoded()).hasSize(1);
            assertThat(again.encoded().getFirst()).isEqualTo(encoded);
        }
    }

    /** HELLO may offer what is not known here; texts are made printable, codes known. */
    private static boolean isLossy(byte[] frame) {
        return switch (frame[6]) {
            case 1, 8, 9, 10 -> true;
            default -> false;
        };
    }

    private static byte[] encoded(Message message) {
        if (message instanceof Message.Batch(var sequence, var pages)) {
            try {
                return encoded(sequence, pages);
            } finally {
                pages.release();
            }
        }
        ByteBuffer frame = MessageCodec.frame(message);
        byte[] bytes = new byte[frame.remaining()];
        frame.get(bytes);
        return bytes;
    }

    private static byte[] encoded(long sequence, PageBatch pages) {
        int pageBytes = ((BatchBuffer) pages).pageSizeBytes();
        ByteBuf frame =
                Unpooled.wrappedBuffer(
                        BatchFrame.of(
                                        sequence,
                                        pages,
                                        pageBytes,
                                        Contents.RAW,
                                        UnpooledByteBufAllocator.DEFAULT)
                                .toArray(ByteBuf[]::new));
        try {
            byte[] bytes = new byte[frame.readableBytes()];
            frame.readBytes(bytes);
            return bytes;
        } finally {
            frame.release();
        }
    }

    private static byte[] joined(byte[] head, byte[] tail) {
        byte[] both = Arrays.copyOf(head, head.length + tail.length);
        System.arraycopy(tail, 0, both, head.length, tail.length);
        return both;
    }
}
