package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a peer says, it is refused by name, its memory is given back, and others are served. */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class HostileStreamTest extends HostileFixture {
    private static final int PAGE = SampleBatch.PAGE;

    @Test
    void randomBytesAreNotAFrame() throws Exception {
        for (int round = 0; round < 50; round++) {
            byte[] noise = new byte[1 + random.nextInt(100_000)];
            random.nextBytes(noise);
            try (RawPeer peer = siege.raw()) {
                peer.flood(noise);
                if (noise.length >= 20) {
                    Siege.assertError(peer, ErrorCode.MALFORMED);
                }
            }
        }
    }

    @Test
    void anotherProtocolIsNotAFrame() throws Exception {
        try (RawPeer peer = siege.raw()) {
            peer.say("GET / HTTP/1.1\r\nHost: example\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(Siege.assertError(peer, ErrorCode.MALFORMED)).contains("47455420");
        }
    }

    @Test
    void hugeLengthsAreRefusedAtOnce() throws Exception {
        for (int length : new int[] {Integer.MAX_VALUE, -1, 3 << 20}) {
            byte[] frame = Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE);
            ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN).putInt(8, length);
            byte[] header = Arrays.copyOf(frame, 20);
            try (RawPeer peer = siege.begun(10)) {
                peer.say(Frames.sealed(header));
                Siege.assertError(peer, ErrorCode.LIMIT);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "../x",
                "a/b",
                "/etc/passwd",
                ".",
                "..",
                ".hidden",
                "a\0b",
                "x.partial-00000000",
                "naïve",
                "a b",
                "a\nb"
            })
    void namesThatAreMoreThanANameAreRefused(String name) throws Exception {
        assertNameRefused(name);
    }

    @Test
    void longNamesAreRefused() throws Exception {
        assertNameRefused("x".repeat(129));
        assertNameRefused("x".repeat(300));
    }

    private void assertNameRefused(String name) throws Exception {
        try (RawPeer peer = siege.raw()) {
            peer.say(siege.hello(name));
            assertThat(Siege.assertError(peer, ErrorCode.NAME)).contains("image's name");
        }
        assertThat(siege.loopback.sinks).isEmpty();
    }

    @Test
    void otherVersionsAndStreamsAreRefused() throws Exception {
        try (RawPeer peer = siege.raw()) {
            peer.say(siege.hello(Limits.VERSION + 1, Limits.VERSION + 2, "x"));
            assertThat(Siege.assertError(peer, ErrorCode.VERSION))
                    .contains("%d to %d".formatted(Limits.VERSION + 1, Limits.VERSION + 2));
        }
        try (RawPeer peer = siege.raw()) {
            Siege.assertError(peer.say(siege.attach(1)), ErrorCode.GONE);
        }
        try (RawPeer peer = siege.welcomed("lanes");
                RawPeer lane = siege.raw()) {
            Siege.assertError(lane.say(siege.attach(3)), ErrorCode.GONE);
            peer.say(new Message.Abort("enough"));
        }
        try (RawPeer peer = siege.begun(10);
                RawPeer lane = siege.raw()) {
            Siege.assertError(lane.say(siege.attach(1)), ErrorCode.GONE); // taken
            peer.say(new Message.Abort("enough"));
        }
    }

    @Test
    void nothingComesBeforeHello() throws Exception {
        byte[] batch = Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE);
        for (byte[] first :
                List.of(
                        batch,
                        Frames.of(new Message.KeepAlive()),
                        Frames.of(new Message.Abort("x")),
                        Frames.of(new Message.Durable(1)),
                        Frames.of(Siege.part("{}".getBytes(StandardCharsets.UTF_8))),
                        Frames.of(new Message.End(0, 0, new byte[RootHash.BYTES])))) {
            try (RawPeer peer = siege.raw()) {
                peer.say(first);
                Siege.assertError(peer, ErrorCode.ORDER);
            }
        }
    }

    @Test
    void messagesOutOfOrderAreRefused() throws Exception {
        try (RawPeer peer = siege.welcomed("twice")) {
            Siege.assertError(peer.say(siege.hello("twice")), ErrorCode.ORDER);
        }
        try (RawPeer peer = siege.welcomed("batch-first")) {
            peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE));
            Siege.assertError(peer, ErrorCode.ORDER);
        }
        try (RawPeer peer = siege.begun(10)) {
            peer.say(new Message.End(0, 0, new byte[RootHash.BYTES]));
            Siege.assertError(peer, ErrorCode.ORDER);
        }
        try (RawPeer peer = siege.begun(10)) {
            Siege.assertError(
                    peer.say(new Message.Published(new byte[RootHash.BYTES], "here")),
                    ErrorCode.ORDER);
        }
    }

    @Test
    void batchesThatRepeatOrSkipAreRefused() throws Exception {
        for (long second : new long[] {1, 2 + Limits.MAX_AHEAD, Long.MAX_VALUE}) {
            try (RawPeer peer = siege.begun(10)) {
                peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE));
                peer.say(Frames.of(second, new SampleBatch().add(PageKind.ZERO, 1, 1), PAGE));
                assertThat(Siege.assertError(peer, ErrorCode.ORDER))
                        .contains("all up to 1 have come");
            }
        }
    }

    @Test
    void pagesOutsideTheLayoutAreRefused() throws Exception {
        long[][] runs = {
            {10, 1}, {9, 2}, {0, 11}, {0, Limits.MAX_PAGES}, {Limits.MAX_PAGES - 1, 1}
        };
        for (long[] run : runs) {
            try (RawPeer peer = siege.begun(10)) {
                peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, run[0], run[1]), PAGE));
                assertThat(Siege.assertError(peer, ErrorCode.IMAGE)).contains("the layout has 10");
            }
        }
    }

    /** Of a round something is lacking, and nobody could say what counts. */
    @Test
    void aLayoutBeforeTheEndOfARoundIsRefused() throws Exception {
        try (RawPeer peer = siege.begun(10)) {
            peer.say(Frames.of(2, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE));
            siege.awaitBatches(1);
            peer.say(Siege.part(Siege.json(SampleImage.layout(10))));
            assertThat(Siege.assertError(peer, ErrorCode.ORDER))
                    .contains("batch 1 of the round before has not come");
        }
    }

    @Test
    void pagesWithAnotherHashAreRefused() throws Exception {
        byte[] frame = Frames.of(1, new SampleBatch().addRandom(0, 1, random), PAGE);
        frame[frame.length - 1] ^= 1;
        try (RawPeer peer = siege.begun(10)) {
            peer.say(Frames.sealed(frame));
            assertThat(Siege.assertError(peer, ErrorCode.DAMAGED)).contains("page 0 in batch 1");
        }
    }

    @Test
    void pagesOfAnotherSizeAreRefused() throws Exception {
        try (RawPeer peer = siege.begun(10)) {
            peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), 2 * PAGE));
            assertThat(Siege.assertError(peer, ErrorCode.IMAGE)).contains("8192");
        }
    }

    @Test
    void countsAtTheEndHaveToBeTrue() throws Exception {
        long[][] ends = {{0, 10}, {1, 9}};
        for (long[] end : ends) {
            try (RawPeer peer = siege.begun(10)) {
                peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 10), PAGE));
                peer.say(Siege.missing())
                        .say(new Message.End(end[0], end[1], new byte[RootHash.BYTES]));
                Siege.assertError(peer, ErrorCode.IMAGE);
            }
        }
    }

    @Test
    void layoutsThatAreNoneAreRefused() throws Exception {
        String valid = new String(Siege.json(SampleImage.layout(10)), StandardCharsets.UTF_8);
        for (String document :
                List.of(
                        "x",
                        "null",
                        "{}",
                        "[".repeat(10_000),
                        "{\"page_size_bytes\":4096}",
                        valid + " 1",
                        valid.replace("4096", "4097"),
                        valid.replace("\"page_count\":10", "\"page_count\":11"),
                        valid.replace("\"page_count\":10", "\"page_count\":-1"),
                        valid.replace("\"source\":{", "\"sauce\":{"))) {
            try (RawPeer peer = siege.welcomed("layout")) {
                peer.say(Siege.part(document.getBytes(StandardCharsets.UTF_8)));
                Siege.assertError(peer, ErrorCode.DOCUMENT);
            }
        }
    }

    @Test
    void layoutsThatAreTooLongAreRefusedAtTheirFirstPart() throws Exception {
        try (RawPeer peer = siege.welcomed("long")) {
            byte[] first = new byte[Limits.PART_BYTES];
            peer.say(new Message.LayoutPart(new Message.Part((1 << 20) + 1, 0, first)));
            assertThat(Siege.assertError(peer, ErrorCode.LIMIT)).contains("1048576");
        }
    }

    /** Three bytes become an object of forty times as many. */
    @Test
    void layoutsOfWhichTooMuchCouldBeMadeAreRefusedBeforeTheyAreRead() throws Exception {
        for (String opening : List.of("[", "{\"source\":{\"arguments\":[")) {
            try (RawPeer peer = siege.welcomed("heavy")) {
                say(peer, heavy(opening, 200_000));
                assertThat(Siege.assertError(peer, ErrorCode.LIMIT))
                        .contains("of the receiver's heap", "4194304", "-Xmx");
            }
        }
    }

    /** All documents together have a bound, too; what is over is given back. */
    @Test
    void layoutsThatAreTooMuchTogetherHaveToWait() throws Exception {
        Message most = begun(heavy("[", 15_000));
        try (RawPeer first = siege.welcomed("first");
                RawPeer second = siege.welcomed("second")) {
            MemorySink sink = siege.loopback.nextSink();
            first.say(most);
            Loopback.await(() -> siege.loopback.gauge("memory.bytes") > 2 << 20);
            second.say(most);
            assertThat(Siege.assertError(second, ErrorCode.BUSY)).contains("others");
            first.say(new Message.Abort("enough"));
            assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isNotEmpty();
        }
        Loopback.await(() -> siege.loopback.gauge("memory.bytes") == 0);
        try (RawPeer third = siege.welcomed("third")) {
            third.say(most);
            Loopback.await(() -> siege.loopback.gauge("memory.bytes") > 2 << 20);
        }
    }

    /** A document has the longest frame that is on the heap: nobody else can have one begun. */
    @Test
    void documentsWhereNoneIsTakenAreRefusedByTheirHeader() throws Exception {
        byte[] header = Arrays.copyOf(Frames.of(begun(new byte[0])), 20);
        try (RawPeer stranger = siege.raw()) {
            Siege.assertError(stranger.say(header), ErrorCode.ORDER);
        }
        try (RawPeer peer = siege.begun(10)) {
            Siege.assertError(peer.lane().say(header), ErrorCode.ORDER);
        }
    }

    @Test
    void layoutsInAnotherEncodingAreRefused() throws Exception {
        String valid = new String(Siege.json(SampleImage.layout(10)), StandardCharsets.UTF_8);
        try (RawPeer peer = siege.welcomed("wide")) {
            peer.say(Siege.part(valid.getBytes(StandardCharsets.UTF_16BE)));
            Siege.assertError(peer, ErrorCode.DOCUMENT);
        }
    }

    private static byte[] heavy(String opening, int strings) {
        return (opening + "\"\",".repeat(strings)).getBytes(StandardCharsets.US_ASCII);
    }

    /** The first part of a layout of two, with white space at its end. */
    private static Message begun(byte[] beginning) {
        byte[] part = new byte[Limits.PART_BYTES];
        Arrays.fill(part, (byte) ' ');
        System.arraycopy(beginning, 0, part, 0, beginning.length);
        return new Message.LayoutPart(new Message.Part(2L * part.length, 0, part));
    }

    private static void say(RawPeer peer, byte[] document) throws IOException {
        for (int at = 0; at < document.length; at += Limits.PART_BYTES) {
            byte[] part =
                    Arrays.copyOfRange(
                            document, at, Math.min(document.length, at + Limits.PART_BYTES));
            peer.flood(
                    Frames.of(new Message.LayoutPart(new Message.Part(document.length, at, part))));
        }
    }

    @Test
    void partsThatRepeatSkipOrChangeTheirLengthAreRefused() throws Exception {
        byte[] bytes = new byte[Limits.PART_BYTES];
        long total = 3L * Limits.PART_BYTES;
        for (Message.Part second :
                List.of(
                        new Message.Part(total, 0, bytes),
                        new Message.Part(total, 2L * Limits.PART_BYTES, bytes),
                        new Message.Part(total + 1, Limits.PART_BYTES, bytes))) {
            try (RawPeer peer = siege.welcomed("parts")) {
                peer.say(new Message.LayoutPart(new Message.Part(total, 0, bytes)));
                peer.say(new Message.LayoutPart(second));
                Siege.assertError(peer, ErrorCode.ORDER);
            }
        }
    }

    /** Streams that begin well and are damaged somewhere: none is published, all are cleaned up. */
    @Test
    void damagedStreamsAreNeverPublished() throws Exception {
        SampleImage image = SampleImage.of(40, random);
        for (int round = 0; round < 30; round++) {
            byte[] batch = Frames.of(1, image.batch(0, 40), PAGE);
            byte[] end = Frames.of(new Message.End(1, 40, image.ending().rootHash()));
            byte[] victim = random.nextInt(3) == 0 ? end : batch;
            victim[random.nextInt(victim.length)] ^= (byte) (1 << random.nextInt(8));
            try (RawPeer peer = siege.welcomed("damaged-" + round)) {
                siege.begin(peer, image.layout());
                peer.flood(batch);
                peer.flood(Frames.of(Siege.missing()));
                peer.flood(end);
            }
            MemorySink sink = siege.loopback.nextSink();
            assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isNotEmpty();
            assertThat(sink.isPublished()).isFalse();
        }
    }
}
