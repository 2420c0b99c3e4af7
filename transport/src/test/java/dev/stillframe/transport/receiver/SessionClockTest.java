package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.security.Credentials;
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
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

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
                    4,
                    4,
                    2,
                    1,
                    4,
                    4,
                    0,
                    1 << 20,
                    4 << 20,
                    new ReceiverLimits.Deadlines(HANDSHAKE, IDLE, TOTAL));

    private final Random random = Seed.random();
    private final MemorySink sink = new MemorySink("x");
    private final byte[] token = new byte[Limits.TOKEN_BYTES];
    private Peer peer;
    private Peer lane;
    private final List<Peer> peers = new ArrayList<>();

    @BeforeEach
    void open() {
        ReceiverMetrics metrics = new ReceiverMetrics(new SimpleMeterRegistry());
        Services services =
                new Services(
                        (_, _, _, _) -> sink,
                        LIMITS,
                        Credentials.NONE,
                        new Capacity(LIMITS, metrics),
                        new Credits(LIMITS),
                        new BatchBuffers(metrics::memory),
                        new Sessions(),
                        metrics,
                        ReceiverEvents.NONE);
        Door door =
                new Door(
                        services,
                        new HashSet<>(),
                        null,
                        false,
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 1));
        peer = new Peer(door);
        lane = new Peer(door);
    }

    @AfterEach
    void close() {
        peers.forEach(each -> each.channel.finishAndReleaseAll());
        peers.forEach(each -> each.reader.close());
    }

    @Test
    void helloHasToComeWithinTheHandshakeDeadline() throws Exception {
        advance(HANDSHAKE.minusMillis(100));
        assertThat(peer.hear()).isNull();
        advance(Duration.ofMillis(200));
        assertThat(peer.hear())
                .isInstanceOfSatisfying(Message.Refusal.class, SessionClockTest::isTimeout);
    }

    @Test
    void anEndedSessionLingersAndCloses() throws Exception {
        advance(HANDSHAKE.plusMillis(100));
        assertThat(peer.hear()).isInstanceOf(Message.Refusal.class);
        peer.channel.writeInbound(Unpooled.wrappedBuffer(new byte[1000])); // dropped
        assertThat(peer.channel.isOpen()).isTrue();
        advance(Duration.ofSeconds(3));
        assertThat(peer.channel.isOpen()).isFalse();
    }

    @Test
    void keepAlivesKeepASessionUntilItsTotalDeadline() throws Exception {
        begin();
        Duration passed = Duration.ZERO;
        Duration step = IDLE.minusMillis(200);
        while (passed.plus(step).compareTo(TOTAL) < 0) {
            advance(step);
            passed = passed.plus(step);
            assertThat(peer.hearUnlessKeepAlive()).isNull();
            peer.say(new Message.KeepAlive());
            lane.say(new Message.KeepAlive());
        }
        advance(step);
        assertThat(peer.hearUnlessKeepAlive())
                .isInstanceOfSatisfying(Message.Refusal.class, SessionClockTest::isTimeout);
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).contains("not at its end");
    }

    @Test
    void partOfAFrameIsNoSignOfLife() throws Exception {
        begin();
        byte[] frame = Frames.of(new Message.KeepAlive());
        for (int i = 0; i < frame.length - 1; i++) {
            peer.channel.writeInbound(Unpooled.wrappedBuffer(frame, i, 1));
            advance(IDLE.dividedBy(frame.length - 2));
        }
        assertThat(peer.hearUnlessKeepAlive())
                .isInstanceOfSatisfying(Message.Refusal.class, SessionClockTest::isTimeout);
    }

    @Test
    void theReceiverIsHeardEveryThirdOfThePeersIdleTime() throws Exception {
        begin();
        for (int i = 0; i < 10; i++) {
            advance(Duration.ofMillis(PEER_IDLE_MILLIS / 3 + 100));
            assertThat(peer.hear()).isEqualTo(new Message.KeepAlive());
        }
    }

    @Test
    void anEndedConnectionOfAnAttemptEndsTheOthers() throws Exception {
        begin(SampleImage.of(40, random));
        lane.channel.close();
        assertThat(peer.await()).isInstanceOf(Message.Refusal.class);
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).contains("lane");
    }

    @Test
    void aSessionMayArriveInAnyPieces() throws Exception {
        SampleImage image = SampleImage.of(40, random);
        begin(image);
        ByteArrayOutputStream batches = new ByteArrayOutputStream();
        batches.writeBytes(Frames.of(1, image.batch(0, 25), SampleBatch.PAGE));
        batches.writeBytes(Frames.of(2, image.batch(25, 40), SampleBatch.PAGE));
        lane.sayInPieces(batches.toByteArray());
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        rest.writeBytes(Frames.of(Siege.missing()));
        rest.writeBytes(Frames.of(new Message.End(2, 40, image.ending().rootHash())));
        peer.sayInPieces(rest.toByteArray());
        Message answer = peer.await();
        while (answer instanceof Message.Durable || answer instanceof Message.Credit) {
            answer = peer.await();
        }
        assertThat(answer).isInstanceOf(Message.Published.class);
        assertThat(sink.pages()).isEqualTo(image.pages());
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isEmpty();
    }

    private void begin() throws Exception {
        begin(SampleImage.of(40, random));
    }

    private void begin(SampleImage image) throws Exception {
        random.nextBytes(token);
        peer.say(
                new Message.Hello(
                        Limits.VERSION,
                        Limits.VERSION,
                        1,
                        PEER_IDLE_MILLIS,
                        64 << 20,
                        0,
                        1,
                        token,
                        new byte[Limits.NONCE_BYTES],
                        new byte[RootHash.BYTES],
                        new byte[RootHash.BYTES],
                        "x"));
        assertThat(peer.await()).isInstanceOf(Message.HelloAck.class);
        byte[] json = Siege.json(image.layout());
        assertThat(json.length).isLessThan(Limits.PART_BYTES);
        peer.say(Siege.part(json));
        assertThat(peer.await()).isEqualTo(new Message.Begun());
        lane.say(
                new Message.Attach(2, 1, 1, PEER_IDLE_MILLIS, token, new byte[Limits.NONCE_BYTES]));
        assertThat(lane.await()).isEqualTo(new Message.Attached());
    }

    private void advance(Duration duration) {
        for (Duration left = duration; left.isPositive(); left = left.minusMillis(50)) {
            for (Peer each : peers) {
                each.channel.advanceTimeBy(Math.min(50, left.toMillis()), TimeUnit.MILLISECONDS);
                each.channel.runScheduledPendingTasks();
            }
        }
    }

    private static void isTimeout(Message.Refusal error) {
        assertThat(error.code()).isEqualTo(ErrorCode.TIMEOUT);
    }

    /** The other end of a connection. */
    private final class Peer {
        private final EmbeddedChannel channel = new EmbeddedChannel();
        private final FrameReader reader = new FrameReader(BatchMemory.none());
        private final Deque<Message> heard = new ArrayDeque<>();

        Peer(Door door) {
            channel.freezeTime();
            channel.pipeline().addLast(door);
            channel.pipeline().fireChannelActive();
            peers.add(this);
        }

        void say(Message message) {
            channel.writeInbound(Unpooled.wrappedBuffer(Frames.of(message)));
        }

        void sayInPieces(byte[] bytes) {
            for (int at = 0; at < bytes.length; ) {
                int length = Math.min(bytes.length - at, 1 + random.nextInt(5000));
                channel.writeInbound(Unpooled.copiedBuffer(bytes, at, length));
                at += length;
            }
        }

        /** The next message, which a session's thread is about to cause. */
        Message await() throws ProtocolException {
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (true) {
                peers.forEach(each -> each.channel.runPendingTasks());
                Message message = hear();
                if (message != null) {
                    return message;
                }
                assertThat(System.nanoTime()).isLessThan(until);
                Thread.onSpinWait();
            }
        }

        @Nullable Message hearUnlessKeepAlive() throws ProtocolException {
            Message message = hear();
            while (message instanceof Message.KeepAlive) {
                message = hear();
            }
            return message;
        }

        @Nullable Message hear() throws ProtocolException {
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
    }
}
