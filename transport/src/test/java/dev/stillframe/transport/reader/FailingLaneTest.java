package dev.stillframe.transport.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.Fault;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.client.Dialer;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.receiver.StoreSinks;
import dev.stillframe.transport.wire.Message;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A thread of a lane meets an error of the virtual machine: whoever waits for pages hears of it
 * with its cause.
 */
@Timeout(60)
class FailingLaneTest {
    private static final InetSocketAddress NOWHERE =
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);

    private final CompletableFuture<IOException> failure = new CompletableFuture<>();
    private @Nullable EventLoopGroup group;

    @TempDir private Path directory = Path.of("");

    @AfterEach
    void close() {
        if (group != null) {
            group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
        }
    }

    /** The thread that connects: of the lane that the image is opened with. */
    @Test
    void whoeverOpensTheImageHearsOfTheEndOfTheThread() {
        try (FetchLane lane = lane(null)) {
            assertThatThrownBy(lane::awaitReady)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(Fault.WORDS);
        }
    }

    /** The same of the lanes behind it. */
    @Test
    void whoeverWaitsForPagesHearsOfTheEndOfTheThread() throws Exception {
        try (FetchLane lane =
                lane(new Message.Found(10_000, 4096, 100, new byte[RootHash.BYTES]))) {
            lane.fetch(0, 1);
            assertThat(failure.get(20, TimeUnit.SECONDS)).hasMessageContaining(Fault.WORDS);
        }
    }

    /** The event loop: what cannot take the pages now could not take them on another connection. */
    @Test
    void whoeverWaitsForPagesHearsThatTheyCouldNotBeTaken() throws Exception {
        ImageStore store = ImageStore.open(directory);
        SampleImage.of(100, Seed.random()).send(store.create("image"), 100);
        Fault fault = new Fault("arrived");
        Arrivals arrivals =
                new Arrivals() {
                    @Override
                    public void arrived(PageBatch pages) {
                        fault.pass("arrived");
                    }

                    @Override
                    public void failed(IOException cause) {
                        failure.complete(cause);
                    }
                };
        ReaderOptions patient = ReaderOptions.DEFAULT.withPatience(Duration.ofHours(1));
        try (Receiver receiver =
                        Receiver.start(
                                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                                new StoreSinks(store, true),
                                ReceiverLimits.DEFAULT,
                                new SimpleMeterRegistry(),
                                ReceiverEvents.NONE);
                RemoteImage image = RemoteImage.open(receiver.address(), "image", patient);
                FetchLane lane = image.lane("test", arrivals)) {
            lane.fetch(0, 1);
            assertThat(failure.get(20, TimeUnit.SECONDS)).hasMessageContaining(Fault.WORDS);
        }
    }

    private FetchLane lane(Message.@Nullable Found expected) {
        EventLoopGroup failing =
                new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory()) {
                    @Override
                    public ChannelFuture register(Channel channel) {
                        throw new OutOfMemoryError(Fault.WORDS);
                    }
                };
        group = failing;
        Dialer dialer =
                new Dialer(NetworkTransport.NIO, failing, NOWHERE, null, Duration.ofSeconds(5));
        Arrivals arrivals =
                new Arrivals() {
                    @Override
                    public void arrived(PageBatch pages) {}

                    @Override
                    public void failed(IOException cause) {
                        failure.complete(cause);
                    }
                };
        return new FetchLane(
                dialer, "image", ReaderOptions.DEFAULT, "test", expected, _ -> {}, arrivals);
    }
}
