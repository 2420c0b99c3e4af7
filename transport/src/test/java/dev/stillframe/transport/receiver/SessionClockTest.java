package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.page.Json;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** A session without a network, whose clock stands still unless the test moves it. */
@Timeout(60)
@ExtendWith(LeakCheck.class)
class SessionClockTest {
    private static final Duration HANDSHAKE = Duration.ofSeconds(10);
    private static final Duration IDLE = Duration.ofSeconds(30);
    private static final Duration TOTAL = Duration.ofMinutes(5);
    private static final int PEER_IDLE_MILLIS = 6_000;

    private static final ReceiverLimits LIMITS =
            new ReceiverLimits(
                    4, 2, 3, 1 << 20, new ReceiverLimits.Deadlines(HANDSHAKE, IDLE, TOTAL));

    private final Random random = Seed.random();
    private final MemorySink sink = new MemorySink("x");
    private final FrameReader reader = new FrameReader(BatchMemory.none());
    private final Deque<Message> heard = new ArrayDeque<>();
    private EmbeddedChannel channel;

    @BeforeEach
    void open() {
        ReceiverMetrics metrics = new ReceiverMetrics(new SimpleMeterRegistry());
        Session.Services services =
                new Session.Services(
                        _ -> sink,
                        LIMITS,
                        new Capacity(LIMITS, metrics),
                        metrics,
                        ReceiverEvents.NONE);
        channel = new EmbeddedChannel();
        channel.freezeTime();
        channel.pipeline().addLast(new Door(services, new HashSet<>()));
        channel.pipeline().fireChannelActive();
    }

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
    }

    @Test
    void helloHasToComeWithinTheHandshakeDeadline() throws Exception {
        advance(HANDSHAKE.minusMillis(100));
        assertThat(hear()).isNull();
        advance(Duration.ofMillis(200));
        assertThat(hear())
                .isInstanceOfSatisfying(Message.Refusal.class, SessionClockTest::isTimeout);
    }

    @Test
    void anEndedSessionLingersAndCloses() throws Exception {
        advance(HANDSHAKE.plusMillis(100));
        assertThat(hear()).isInstanceOf(Message.Refusal.class);
        channel.writeInbound(Unpooled.wrappedBuffer(new byte[1000])); // dropped
        assertThat(channel.isOpen()).isTrue();
        advance(Duration.ofSeconds(3));
        assertThat(channel.isOpen()).isFalse();
    }

    @Test
    void keepAlivesKeepASessionUntilItsTotalDeadline() throws Exception {
        begin();
        Duration passed = Duration.ZERO;
        Duration step = IDLE.minusMillis(200);
        while (passed.plus(step).compareTo(TOTAL) < 0) {
            advance(step);
            passed = passed.plus(step);
            assertThat(hearUnlessKeepAlive()).isNull();
            say(new Message.KeepAlive());
        }
        advance(step);
        assertThat(hearUnlessKeepAlive())
                .isInstanceOfSatisfying(Message.Refusal.class, SessionClockTest::isTimeout);
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).contains("not at its end");
    }

    @Test
    void partOfAFrameIsNoSignOfLife() throws Exception {
        begin();
        byte[] frame = Frames.of(new Message.KeepAlive());
        for (int i = 0; i < frame.length - 1; i++) {
            channel.writeInbound(Unpooled.wrappedBuffer(frame, i, 1));
            advance(IDLE.dividedBy(frame.length - 2));
        }
        assertThat(hearUnlessKeepAlive())
                .isInstanceOfSatisfying(Message.Refusal.class, SessionClockTest::isTimeout);
    }

    @Test
    void theReceiverIsHeardEveryThirdOfThePeersIdleTime() throws Exception {
        begin();
        for (int i = 0; i < 10; i++) {
            advance(Duration.ofMillis(PEER_IDLE_MILLIS / 3 + 100));
            assertThat(hear()).isEqualTo(new Message.KeepAlive());
        }
    }

    @Test
    void aSessionMayArriveInAnyPieces() throws Exception {
        SampleImage image = SampleImage.of(40, random);
        begin(image);
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        rest.writeBytes(Frames.of(1, image.batch(0, 25), 4096));
        rest.writeBytes(Frames.of(2, image.batch(25, 40), 4096));
        rest.writeBytes(
                Frames.of(new Message.MissingPart(new Message.Part(2, 0, new byte[] {'[', ']'}))));
        rest.writeBytes(Frames.of(new Message.End(2, 40, image.ending().rootHash())));
        byte[] bytes = rest.toByteArray();
        for (int at = 0; at < bytes.length; ) {
            int length = Math.min(bytes.length - at, 1 + random.nextInt(5000));
            channel.writeInbound(Unpooled.copiedBuffer(bytes, at, length));
            at += length;
        }
        Message answer = await();
        while (answer instanceof Message.BatchAck) {
            answer = await();
        }
        assertThat(answer).isInstanceOf(Message.Published.class);
        assertThat(sink.pages()).isEqualTo(image.pages());
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isEmpty();
    }

    private void begin() throws Exception {
        begin(SampleImage.of(40, random));
    }

    private void begin(SampleImage image) throws Exception {
        say(new Message.Hello(1, 1, 0, 1, PEER_IDLE_MILLIS, "x"));
        assertThat(await()).isInstanceOf(Message.HelloAck.class);
        byte[] json = Json.MAPPER.writeValueAsBytes(image.layout());
        assertThat(json.length).isLessThan(Limits.PART_BYTES);
        say(new Message.LayoutPart(new Message.Part(json.length, 0, json)));
        assertThat(await()).isEqualTo(new Message.BatchAck(0));
    }

    private void say(Message message) {
        channel.writeInbound(Unpooled.wrappedBuffer(Frames.of(message)));
    }

    private void advance(Duration duration) {
        for (Duration left = duration; left.isPositive(); left = left.minusMillis(50)) {
            channel.advanceTimeBy(Math.min(50, left.toMillis()), TimeUnit.MILLISECONDS);
            channel.runScheduledPendingTasks();
        }
    }

    /** The next message, which the session's thread is about to cause. */
    private Message await() throws ProtocolException {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (true) {
            channel.runPendingTasks();
            Message message = hear();
            if (message != null) {
                return message;
            }
            assertThat(System.nanoTime()).isLessThan(until);
            Thread.onSpinWait();
        }
    }

    private @Nullable Message hearUnlessKeepAlive() throws ProtocolException {
        Message message = hear();
        while (message instanceof Message.KeepAlive) {
            message = hear();
        }
        return message;
    }

    private @Nullable Message hear() throws ProtocolException {
        ByteBuf out;
        while ((out = channel.readOutbound()) != null) {
            try {
                Message message;
                while ((message = reader.read(out)) != null) {
                    heard.add(message);
                }
            } finally {
                out.release();
            }
        }
        return heard.poll();
    }

    private static void isTimeout(Message.Refusal error) {
        assertThat(error.code()).isEqualTo(ErrorCode.TIMEOUT);
    }
}
