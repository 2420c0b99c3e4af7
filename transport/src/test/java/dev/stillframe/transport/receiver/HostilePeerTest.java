package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.page.Json;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.PageKind;
import dev.stillframe.engine.page.RootHash;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Whatever a peer does, it is refused by name, its memory is given back, and others are served. */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class HostilePeerTest {
    private static final int PAGE = SampleBatch.PAGE;

    /** What Netty may keep for reuse. */
    private static final long POOL_BYTES = 64L << 20;

    private static final ReceiverLimits LIMITS =
            new ReceiverLimits(
                    4,
                    2,
                    3,
                    1 << 20,
                    new ReceiverLimits.Deadlines(
                            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(20)));

    private final Random random = Seed.random();
    private Loopback loopback;

    @BeforeEach
    void start() throws IOException {
        loopback = new Loopback(LIMITS);
    }

    @AfterEach
    void othersAreServedAndMemoryIsBack() throws Exception {
        try (Loopback victim = loopback) {
            Loopback.await(
                    () ->
                            victim.gauge("connections.open") == 0
                                    && victim.gauge("sessions.open") == 0);
            victim.sinks.clear();
            victim.assertServes(random);
            var netty = (ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT;
            assertThat(netty.metric().usedDirectMemory()).isLessThan(POOL_BYTES);
        }
    }

    @Test
    void randomBytesAreNotAFrame() throws Exception {
        for (int round = 0; round < 50; round++) {
            byte[] noise = new byte[1 + random.nextInt(100_000)];
            random.nextBytes(noise);
            try (RawPeer peer = loopback.raw()) {
                peer.flood(noise);
                if (noise.length >= 20) {
                    assertError(peer, ErrorCode.MALFORMED);
                }
            }
        }
    }

    @Test
    void anotherProtocolIsNotAFrame() throws Exception {
        try (RawPeer peer = loopback.raw()) {
            peer.say("GET / HTTP/1.1\r\nHost: example\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(assertError(peer, ErrorCode.MALFORMED)).contains("47455420");
        }
    }

    @Test
    void hugeLengthsAreRefusedAtOnce() throws Exception {
        for (int length : new int[] {Integer.MAX_VALUE, -1, 3 << 20}) {
            byte[] frame = Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE);
            ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN).putInt(8, length);
            byte[] header = Arrays.copyOf(frame, 20);
            try (RawPeer peer = begun(10)) {
                peer.say(Frames.sealed(header));
                assertError(peer, ErrorCode.LIMIT);
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
        try (RawPeer peer = loopback.raw()) {
            peer.say(hello(name));
            assertThat(assertError(peer, ErrorCode.NAME)).contains("image's name");
        }
        assertThat(loopback.sinks).isEmpty();
    }

    @Test
    void otherVersionsAndStreamsAreRefused() throws Exception {
        try (RawPeer peer = loopback.raw()) {
            peer.say(new Message.Hello(2, 3, 0, 1, 30_000, "x"));
            assertThat(assertError(peer, ErrorCode.VERSION)).contains("2 to 3");
        }
        try (RawPeer peer = loopback.raw()) {
            peer.say(new Message.Hello(1, 3, 1, 2, 30_000, "x"));
            assertError(peer, ErrorCode.UNSUPPORTED);
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
                        Frames.of(new Message.BatchAck(0)),
                        Frames.of(part("{}".getBytes(StandardCharsets.UTF_8))),
                        Frames.of(new Message.End(0, 0, new byte[RootHash.BYTES])))) {
            try (RawPeer peer = loopback.raw()) {
                peer.say(first);
                assertError(peer, ErrorCode.ORDER);
            }
        }
    }

    @Test
    void messagesOutOfOrderAreRefused() throws Exception {
        try (RawPeer peer = welcomed("twice")) {
            assertError(peer.say(hello("twice")), ErrorCode.ORDER);
        }
        try (RawPeer peer = welcomed("batch-first")) {
            peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE));
            assertError(peer, ErrorCode.ORDER);
        }
        try (RawPeer peer = begun(10)) {
            assertError(peer.say(part(json(SampleImage.layout(10)))), ErrorCode.ORDER);
        }
        try (RawPeer peer = begun(10)) {
            peer.say(new Message.End(0, 0, new byte[RootHash.BYTES]));
            assertError(peer, ErrorCode.ORDER);
        }
        try (RawPeer peer = begun(10)) {
            peer.say(missing()).say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE));
            assertError(peer, ErrorCode.ORDER);
        }
        try (RawPeer peer = begun(10)) {
            assertError(
                    peer.say(new Message.Published(new byte[RootHash.BYTES], "here")),
                    ErrorCode.ORDER);
        }
    }

    @Test
    void batchesThatRepeatOrSkipAreRefused() throws Exception {
        for (long second : new long[] {1, 3, Long.MAX_VALUE}) {
            try (RawPeer peer = begun(10)) {
                peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), PAGE));
                peer.say(Frames.of(second, new SampleBatch().add(PageKind.ZERO, 1, 1), PAGE));
                assertThat(assertError(peer, ErrorCode.ORDER)).contains("after batch 1");
            }
        }
    }

    @Test
    void pagesOutsideTheLayoutAreRefused() throws Exception {
        long[][] runs = {
            {10, 1}, {9, 2}, {0, 11}, {0, Limits.MAX_PAGES}, {Limits.MAX_PAGES - 1, 1}
        };
        for (long[] run : runs) {
            try (RawPeer peer = begun(10)) {
                peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, run[0], run[1]), PAGE));
                assertThat(assertError(peer, ErrorCode.IMAGE)).contains("the layout has 10");
            }
        }
    }

    @Test
    void pagesThatComeTwiceAreRefused() throws Exception {
        try (RawPeer peer = begun(10)) {
            peer.say(Frames.of(1, new SampleBatch().addRandom(0, 3, random), PAGE));
            peer.say(Frames.of(2, new SampleBatch().addRandom(2, 1, random), PAGE));
            assertThat(assertError(peer, ErrorCode.IMAGE)).contains("page 2 came twice");
        }
        try (RawPeer peer = begun(10)) { // noticed without the sink, too
            SampleBatch twice =
                    new SampleBatch().add(PageKind.ZERO, 0, 10).add(PageKind.ZERO, 3, 1);
            assertThat(assertError(peer.say(Frames.of(1, twice, PAGE)), ErrorCode.IMAGE))
                    .contains("each comes once");
        }
    }

    @Test
    void pagesWithAnotherHashAreRefused() throws Exception {
        byte[] frame = Frames.of(1, new SampleBatch().addRandom(0, 1, random), PAGE);
        frame[frame.length - 1] ^= 1;
        try (RawPeer peer = begun(10)) {
            peer.say(Frames.sealed(frame));
            assertThat(assertError(peer, ErrorCode.IMAGE)).contains("wrong hash");
        }
    }

    @Test
    void pagesOfAnotherSizeAreRefused() throws Exception {
        try (RawPeer peer = begun(10)) {
            peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 1), 2 * PAGE));
            assertThat(assertError(peer, ErrorCode.IMAGE)).contains("8192");
        }
    }

    @Test
    void countsAtTheEndHaveToBeTrue() throws Exception {
        long[][] ends = {{0, 10}, {1, 9}, {2, 10}};
        for (long[] end : ends) {
            try (RawPeer peer = begun(10)) {
                peer.say(Frames.of(1, new SampleBatch().add(PageKind.ZERO, 0, 10), PAGE));
                peer.say(missing()).say(new Message.End(end[0], end[1], new byte[RootHash.BYTES]));
                assertError(peer, ErrorCode.IMAGE);
            }
        }
    }

    @Test
    void layoutsThatAreNoneAreRefused() throws Exception {
        String valid = new String(json(SampleImage.layout(10)), StandardCharsets.UTF_8);
        for (String document :
                List.of(
                        "x",
                        "null",
                        "{}",
                        "[".repeat(100_000),
                        "{\"page_size_bytes\":4096}",
                        valid + " 1",
                        valid.replace("4096", "4097"),
                        valid.replace("\"page_count\":10", "\"page_count\":11"),
                        valid.replace("\"page_count\":10", "\"page_count\":-1"),
                        valid.replace("\"source\":{", "\"sauce\":{"))) {
            try (RawPeer peer = welcomed("layout")) {
                peer.say(part(document.getBytes(StandardCharsets.UTF_8)));
                assertError(peer, ErrorCode.DOCUMENT);
            }
        }
    }

    @Test
    void layoutsThatAreTooLongAreRefusedAtTheirFirstPart() throws Exception {
        try (RawPeer peer = welcomed("long")) {
            byte[] first = new byte[Limits.PART_BYTES];
            peer.say(new Message.LayoutPart(new Message.Part((1 << 20) + 1, 0, first)));
            assertThat(assertError(peer, ErrorCode.LIMIT)).contains("1048576");
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
            try (RawPeer peer = welcomed("parts")) {
                peer.say(new Message.LayoutPart(new Message.Part(total, 0, bytes)));
                peer.say(new Message.LayoutPart(second));
                assertError(peer, ErrorCode.ORDER);
            }
        }
    }

    @Test
    void aPeerThatIgnoresTheWindowIsRefused() throws Exception {
        try (RawPeer peer = begun(1000)) {
            MemorySink sink = loopback.nextSink();
            sink.hold();
            byte[] page = new byte[PAGE];
            for (int i = 0; i < 5; i++) {
                peer.say(Frames.of(i + 1, new SampleBatch().addData(i, page), PAGE));
            }
            assertThat(assertError(peer, ErrorCode.LIMIT)).contains("3 batches");
            assertThat(loopback.gauge("memory.bytes"))
                    .isLessThanOrEqualTo(3.0 * BatchBuffer.MEMORY_BYTES + LIMITS.maxLayoutBytes());
            sink.letGo();
            Loopback.await(() -> loopback.gauge("memory.bytes") == 0);
        }
    }

    @Test
    void silenceBeforeHelloIsEnded() throws Exception {
        try (RawPeer peer = loopback.raw()) {
            assertThat(assertError(peer, ErrorCode.TIMEOUT)).contains("HELLO");
        }
    }

    @Test
    void silenceAfterHelloIsEnded() throws Exception {
        try (RawPeer peer = begun(10)) {
            assertThat(assertError(peer, ErrorCode.TIMEOUT)).contains("no whole frame");
        }
        assertThat(loopback.nextSink().closed.get(20, TimeUnit.SECONDS)).contains("no whole frame");
    }

    @Test
    void bytesThatTrickleAreNotSignsOfLife() throws Exception {
        byte[] frame = Frames.of(1, new SampleBatch().addRandom(0, 10, random), PAGE);
        Thread trickle;
        try (RawPeer peer = begun(10)) {
            trickle =
                    Thread.ofPlatform().daemon().name("trickle").start(() -> trickle(peer, frame));
            assertThat(assertError(peer, ErrorCode.TIMEOUT)).contains("no whole frame");
        }
        assertThat(trickle.join(Duration.ofSeconds(20))).isTrue();
    }

    /** A byte whenever 10 ms have passed: far too slow for a frame in a second. */
    private static void trickle(RawPeer peer, byte[] frame) {
        try {
            for (byte next : frame) {
                peer.say(new byte[] {next});
                LockSupport.parkNanos(10_000_000);
            }
        } catch (IOException e) {
            System.out.println("cut while trickling: " + e.getMessage());
        }
    }

    @Test
    void moreSessionsThanAllowedAreTurnedAway() throws Exception {
        try (RawPeer first = welcomed("first");
                RawPeer second = welcomed("second");
                RawPeer third = loopback.raw()) {
            assertThat(assertError(third.say(hello("third")), ErrorCode.BUSY))
                    .contains("2 sessions");
            first.say(new Message.Abort("enough"));
            second.say(new Message.Abort("enough"));
        }
    }

    @Test
    void moreConnectionsThanAllowedAreTurnedAway() throws Exception {
        List<RawPeer> peers = new ArrayList<>();
        try {
            for (int i = 0; i < 4; i++) {
                peers.add(loopback.raw());
            }
            Loopback.await(() -> loopback.gauge("connections.open") == 4);
            RawPeer fifth = loopback.raw();
            peers.add(fifth);
            assertThat(assertError(fifth, ErrorCode.BUSY)).contains("4 connections");
        } finally {
            for (RawPeer peer : peers) {
                peer.close();
            }
        }
    }

    @Test
    void connectionsThatBreakOffAreCleanedUp() throws Exception {
        byte[] batch = Frames.of(1, new SampleBatch().addRandom(0, 10, random), PAGE);
        try (RawPeer peer = loopback.raw()) {
            peer.reset();
        }
        try (RawPeer peer = begun(10)) {
            peer.say(Arrays.copyOf(batch, batch.length / 2)).reset();
        }
        assertThat(loopback.nextSink().closed.get(20, TimeUnit.SECONDS))
                .contains("connection was lost");
        try (RawPeer peer = begun(10)) {
            peer.say(batch);
        }
        assertThat(loopback.nextSink().closed.get(20, TimeUnit.SECONDS))
                .contains("connection was lost");
        assertThat(loopback.errors("cut")).isGreaterThanOrEqualTo(2);
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
            try (RawPeer peer = welcomed("damaged-" + round)) {
                peer.say(part(json(image.layout())));
                assertThat(peer.hear()).isEqualTo(new Message.BatchAck(0));
                peer.flood(batch);
                peer.flood(Frames.of(missing()));
                peer.flood(end);
            }
            MemorySink sink = loopback.nextSink();
            assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isNotEmpty();
            assertThat(sink.isPublished()).isFalse();
        }
    }

    private RawPeer welcomed(String name) throws Exception {
        RawPeer peer = loopback.raw();
        assertThat(peer.say(hello(name)).hear()).isInstanceOf(Message.HelloAck.class);
        return peer;
    }

    /** A peer that may send batches of an image of {@code pages} pages. */
    private RawPeer begun(long pages) throws Exception {
        RawPeer peer = welcomed("hostile");
        peer.say(part(json(SampleImage.layout(pages))));
        assertThat(peer.hear()).isEqualTo(new Message.BatchAck(0));
        return peer;
    }

    private static Message hello(String name) {
        return new Message.Hello(1, 1, 0, 1, 30_000, name);
    }

    private static Message part(byte[] document) {
        return new Message.LayoutPart(new Message.Part(document.length, 0, document));
    }

    private static Message missing() {
        return new Message.MissingPart(new Message.Part(2, 0, new byte[] {'[', ']'}));
    }

    private static byte[] json(Layout layout) throws IOException {
        return Json.MAPPER.writeValueAsBytes(layout);
    }

    /** The peer is refused with {@code code}, then hears nothing more; the text. */
    private static String assertError(RawPeer peer, ErrorCode code) throws Exception {
        Message message = peer.hear();
        while (message instanceof Message.BatchAck) {
            message = peer.hear();
        }
        if (!(message instanceof Message.Refusal(var refused, var text))) {
            throw new AssertionError("not refused: " + message);
        }
        assertThat(refused).as(text).isEqualTo(code);
        assertThat(peer.hear()).isNull();
        return text;
    }
}
