package dev.stillframe.transport.sender;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A receiver that answers in whole frames, but not as it may. Its acknowledgements open the window
 * and its PUBLISHED is the promise, so neither is believed when it cannot be true.
 */
class LyingReceiverTest {
    private static final int WINDOW = 4;

    static Stream<Arguments> lies() {
        return Stream.of(
                Arguments.of(
                        new Message.Durable(Long.MAX_VALUE), "DURABLE 9223372036854775807 after 0"),
                Arguments.of(new Message.Durable(0), "DURABLE 0 after 0"),
                Arguments.of(new Message.Credit(WINDOW), "CREDIT 4 after 4"),
                Arguments.of(new Message.Begun(), "BEGUN without a layout"),
                Arguments.of(welcome(), "a second HELLO_ACK"),
                Arguments.of(
                        new Message.Published(new byte[RootHash.BYTES], "x"),
                        "PUBLISHED before END"));
    }

    @ParameterizedTest
    @MethodSource("lies")
    @Timeout(60)
    void whatCannotBeTrueEndsTheSession(Message lie, String words) throws Exception {
        CountDownLatch over = new CountDownLatch(1);
        CompletableFuture<Void> played = new CompletableFuture<>();
        try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.ofPlatform().start(() -> play(listener, lie, over, played));
            try (Sender sender = connect(listener)) {
                assertThatThrownBy(() -> sendAll(sender))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining(words);
            } finally {
                over.countDown();
            }
            played.get(20, TimeUnit.SECONDS);
        }
    }

    /**
     * A receiver has as many lanes as were asked for, or fewer: each is a connection and its
     * memory.
     */
    @Test
    @Timeout(60)
    void moreLanesThanWereAskedForAreNotOpened() throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> played = new CompletableFuture<>();
            Thread.ofPlatform().start(() -> welcomeOnly(listener, welcome(5, 0), played));
            assertThatThrownBy(() -> connect(listener, SenderOptions.DEFAULT.withLanes(4)).close())
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("wants 5 lanes, though 4 were asked for");
            played.get(20, TimeUnit.SECONDS);
        }
    }

    private static void welcomeOnly(
            ServerSocket listener, Message welcome, CompletableFuture<Void> played) {
        try (RawPeer sender = new RawPeer(listener.accept())) {
            assertThat(sender.hear()).isInstanceOf(Message.Hello.class);
            assertThat(sender.say(welcome).hear()).isNull();
            played.complete(null);
        } catch (Exception | AssertionError e) {
            played.completeExceptionally(e);
        }
    }

    /** What the receiver offers for encoding is the sender's memory. */
    @ParameterizedTest
    @ValueSource(longs = {64 << 20, 128 << 20})
    @Timeout(60)
    void dictionariesForWhichThereIsNoMemoryAreNotUsed(long encodingBytes) throws Exception {
        CompletableFuture<Integer> encoding = new CompletableFuture<>();
        CountDownLatch over = new CountDownLatch(1);
        SenderOptions options =
                SenderOptions.DEFAULT
                        .withPreset(Preset.FAST)
                        .withLanes(1)
                        .withEncodingBytes(encodingBytes)
                        .withGiveUpAfter(Duration.ZERO);
        try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.ofPlatform().start(() -> takeFirstBatch(listener, over, encoding));
            try (Sender sender = connect(listener, options)) {
                sender.begin(SampleImage.layout(100));
                sender.accept(new SampleBatch().addData(0, new byte[SampleBatch.PAGE]));
                int expected = encodingBytes > 64 << 20 ? 1 : 0; // packed, or as they are
                assertThat(encoding.get(20, TimeUnit.SECONDS)).isEqualTo(expected);
            } finally {
                over.countDown();
            }
        }
    }

    private static void takeFirstBatch(
            ServerSocket listener, CountDownLatch over, CompletableFuture<Integer> encoding) {
        try (RawPeer sender = new RawPeer(listener.accept())) {
            assertThat(sender.hear()).isInstanceOf(Message.Hello.class);
            assertThat(sender.say(welcome(1, 64 << 20)).hear())
                    .isInstanceOf(Message.LayoutPart.class);
            try (RawPeer lane = new RawPeer(listener.accept())) {
                assertThat(lane.hear()).isInstanceOf(Message.Attach.class);
                lane.say(new Message.Attached());
                sender.say(new Message.Begun());
                encoding.complete(lane.hearEncoding());
                assertThat(over.await(30, TimeUnit.SECONDS)).isTrue();
            }
        } catch (Exception | AssertionError e) {
            encoding.completeExceptionally(e);
        }
    }

    private static void play(
            ServerSocket listener,
            Message lie,
            CountDownLatch over,
            CompletableFuture<Void> played) {
        try (RawPeer sender = new RawPeer(listener.accept())) {
            assertThat(sender.hear()).isInstanceOf(Message.Hello.class);
            sender.say(welcome());
            assertThat(sender.hear()).isInstanceOf(Message.LayoutPart.class);
            try (RawPeer lane = new RawPeer(listener.accept())) {
                assertThat(lane.hear()).isInstanceOf(Message.Attach.class);
                lane.say(new Message.Attached());
                sender.say(new Message.Begun());
                sender.say(lie);
                assertThat(over.await(30, TimeUnit.SECONDS)).isTrue();
            }
            played.complete(null);
        } catch (Exception | AssertionError e) {
            played.completeExceptionally(e);
        }
    }

    /** More than the window, so that it has to wait for what was said. */
    private static void sendAll(Sender sender) throws IOException {
        sender.begin(SampleImage.layout(100)); // the lie may come before this has returned
        for (int page = 0; page < 100; page++) {
            sender.accept(new SampleBatch().add(PageKind.ZERO, page, 1));
        }
        throw new AssertionError("the lie was believed");
    }

    private static Sender connect(ServerSocket listener) throws IOException {
        return connect(listener, SenderOptions.DEFAULT);
    }

    private static Sender connect(ServerSocket listener, SenderOptions options) throws IOException {
        InetSocketAddress address = (InetSocketAddress) listener.getLocalSocketAddress();
        return Sender.connect(address, "x", options, new SimpleMeterRegistry());
    }

    private static Message welcome() {
        return welcome(1, 0);
    }

    private static Message welcome(int lanes, int dictionaryBytes) {
        return new Message.HelloAck(
                Limits.VERSION, lanes, dictionaryBytes, WINDOW, 2 << 20, 1024, 20_000, 1 << 20, 0);
    }
}
