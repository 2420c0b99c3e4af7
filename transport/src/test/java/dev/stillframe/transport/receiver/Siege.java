package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import java.io.IOException;
import java.time.Duration;
import java.util.Random;

/** A receiver with tight limits, and peers that begin as they should. */
final class Siege implements AutoCloseable {
    /** What Netty may keep for reuse. */
    private static final long POOL_BYTES = 64L << 20;

    static final ReceiverLimits LIMITS =
            new ReceiverLimits(
                    8,
                    4,
                    2,
                    2,
                    3,
                    4,
                    64 << 20,
                    1 << 20,
                    4 << 20,
                    new ReceiverLimits.Deadlines(
                            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(20)));

    final Loopback loopback;
    private final Random random;
    private byte[] token = new byte[Limits.TOKEN_BYTES];

    Siege(Random random) throws IOException {
        this(random, LIMITS);
    }

    private Siege(Random random, ReceiverLimits limits) throws IOException {
        this.random = random;
        loopback = new Loopback(limits);
    }

    /** One that bears with a peer for longer than the others do. */
    static Siege patient(Random random) throws IOException {
        return new Siege(
                random,
                LIMITS.withDeadlines(
                        new ReceiverLimits.Deadlines(
                                Duration.ofMinutes(1),
                                Duration.ofMinutes(1),
                                Duration.ofMinutes(5))));
    }

    /** All that the peers had is given back, and others are served. */
    void assertSurvived() throws Exception {
        Loopback.await(
                () ->
                        loopback.gauge("connections.open") == 0
                                && loopback.gauge("sessions.open") == 0);
        loopback.sinks.clear();
        loopback.assertServes(random);
        var netty = (ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT;
        assertThat(netty.metric().usedDirectMemory()).isLessThan(POOL_BYTES);
    }

    @Override
    public void close() {
        loopback.close();
    }

    /** A peer that has said nothing. */
    RawPeer raw() throws IOException {
        return loopback.raw();
    }

    RawPeer welcomed(String name) throws Exception {
        // A session is told of its end before its thread is at its own.
        Loopback.await(() -> loopback.gauge("sessions.open") < LIMITS.maxSessions());
        RawPeer peer = loopback.raw();
        assertThat(peer.say(hello(name)).hear()).isInstanceOf(Message.HelloAck.class);
        return peer;
    }

    /** A peer that may send batches of an image of {@code pages} pages. */
    RawPeer begun(long pages) throws Exception {
        RawPeer peer = welcomed("hostile");
        return begin(peer, SampleImage.layout(pages));
    }

    /** The same for a peer that is welcome already. */
    RawPeer begin(RawPeer peer, Layout layout) throws Exception {
        peer.say(part(json(layout)));
        RawPeer lane = loopback.raw();
        peer.withLane(lane);
        assertThat(lane.say(attach(1)).hear()).isEqualTo(new Message.Attached());
        assertThat(peer.hear()).isEqualTo(new Message.Begun());
        return peer;
    }

    /** Waits until the sink of the session that began last has so many batches. */
    void awaitBatches(int count) {
        Loopback.await(
                () ->
                        loopback.sinks.stream()
                                .reduce((_, last) -> last)
                                .filter(sink -> sink.order.size() >= count)
                                .isPresent());
    }

    Message hello(String name) {
        token = new byte[Limits.TOKEN_BYTES];
        random.nextBytes(token);
        return hello(Limits.VERSION, Limits.VERSION, name);
    }

    Message hello(int oldest, int newest, String name) {
        return new Message.Hello(
                oldest,
                newest,
                2,
                30_000,
                64 << 20,
                0,
                1,
                token,
                new byte[32],
                new byte[32],
                new byte[32],
                name);
    }

    /** A lane of the last session that said hello. */
    Message attach(int lane) {
        return new Message.Attach(Limits.VERSION, lane, 1, 30_000, token, new byte[32]);
    }

    static Message part(byte[] document) {
        return new Message.LayoutPart(new Message.Part(document.length, 0, document));
    }

    static Message missing() {
        return new Message.MissingPart(new Message.Part(2, 0, new byte[] {'[', ']'}));
    }

    static byte[] json(Layout layout) throws IOException {
        return Json.MAPPER.writeValueAsBytes(layout);
    }

    /** The peer is refused with {@code code}, then hears nothing more; the text. */
    static String assertError(RawPeer peer, ErrorCode code) throws Exception {
        Message message = peer.hear();
        while (message instanceof Message.Durable || message instanceof Message.Credit) {
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
