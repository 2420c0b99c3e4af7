package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.network.Fault.Cut.How;
import dev.stillframe.tests.network.NetworkPlan.ConnectionPlan;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The network itself, with plain sockets at both ends. */
@Timeout(120)
class HostileNetworkTest {
    private static final int READ_MILLIS = 20_000;

    private final RandomGenerator random = Seed.random("HostileNetworkTest");
    private HostileNetwork network;
    private ServerSocket server;
    private ExecutorService threads;

    @BeforeEach
    void start() throws IOException {
        network = new HostileNetwork();
        server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        server.setSoTimeout(READ_MILLIS);
        threads = Executors.newCachedThreadPool();
    }

    @AfterEach
    void stop() throws Exception {
        server.close();
        network.close();
        threads.shutdownNow();
        assertThat(threads.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aCalmNetworkPassesEverythingOnBothWays() throws Exception {
        byte[] there = bytes(3 << 20);
        byte[] back = bytes(2 << 20);
        try (Link link = link(NetworkPlan.CALM);
                Socket near = connect(link);
                Socket far = accept()) {
            Future<?> writing = send(near, there);
            Future<?> answering = send(far, back);
            Future<byte[]> answer = threads.submit(() -> near.getInputStream().readAllBytes());
            assertThat(far.getInputStream().readAllBytes()).isEqualTo(there);
            assertThat(answer.get(20, TimeUnit.SECONDS)).isEqualTo(back);
            writing.get(20, TimeUnit.SECONDS);
            answering.get(20, TimeUnit.SECONDS);
            assertThat(link.struck()).isEmpty();
            assertThat(link.accepted()).isEqualTo(1);
        }
    }

    @Test
    void aFlipTurnsExactlyThatBit() throws Exception {
        byte[] sent = bytes(200_000);
        int at = random.nextInt(sent.length);
        int bit = random.nextInt(8);
        byte[] expected = sent.clone();
        expected[at] = (byte) (expected[at] ^ (1 << bit));
        try (Link link = toReceiver(new Fault.Flip(at, bit));
                Socket near = connect(link);
                Socket far = accept()) {
            Future<?> writing = send(near, sent);
            assertThat(far.getInputStream().readAllBytes()).isEqualTo(expected);
            writing.get(20, TimeUnit.SECONDS);
            assertThat(link.struck()).containsExactly(new Link.Strike(0, new Fault.Flip(at, bit)));
        }
    }

    @Test
    void aCloseCutsAtExactlyThatByte() throws Exception {
        byte[] sent = bytes(100_000);
        for (int at : new int[] {0, 1, random.nextInt(sent.length), sent.length}) {
            try (Link link = toReceiver(new Fault.Cut(at, How.CLOSE));
                    Socket near = connect(link);
                    Socket far = accept()) {
                near.getOutputStream().write(sent, 0, at);
                assertThat(far.getInputStream().readAllBytes()).isEqualTo(Arrays.copyOf(sent, at));
                assertThat(near.getInputStream().read()).isEqualTo(-1);
            }
        }
    }

    @Test
    void aResetReachesBothSides() throws Exception {
        byte[] sent = bytes(100_000);
        int at = random.nextInt(sent.length);
        try (Link link = toReceiver(new Fault.Cut(at, How.RESET));
                Socket near = connect(link);
                Socket far = accept()) {
            near.getOutputStream().write(sent, 0, at);
            ByteArrayOutputStream got = new ByteArrayOutputStream();
            assertThatThrownBy(() -> far.getInputStream().transferTo(got))
                    .isInstanceOf(SocketException.class)
                    .hasMessageContaining("reset");
            assertThat(got.size()).isLessThanOrEqualTo(at);
            assertThat(got.toByteArray()).isEqualTo(Arrays.copyOf(sent, got.size()));
            assertThatThrownBy(() -> near.getInputStream().read())
                    .isInstanceOf(SocketException.class)
                    .hasMessageContaining("reset");
        }
    }

    @Test
    void aHalfCloseEndsOneDirectionOnly() throws Exception {
        byte[] sent = bytes(50_000);
        int at = random.nextInt(sent.length);
        byte[] back = bytes(50_000);
        try (Link link = toReceiver(new Fault.Cut(at, How.HALF_CLOSE));
                Socket near = connect(link);
                Socket far = accept()) {
            Future<?> writing = send(near, sent);
            assertThat(far.getInputStream().readAllBytes()).isEqualTo(Arrays.copyOf(sent, at));
            Future<?> answering = send(far, back);
            assertThat(near.getInputStream().readAllBytes()).isEqualTo(back);
            answering.get(20, TimeUnit.SECONDS);
            writing.get(20, TimeUnit.SECONDS);
        }
    }

    @Test
    void aSlowStretchLosesNothing() throws Exception {
        byte[] sent = bytes(30_000);
        Duration stall = Duration.ofMillis(50);
        long start = System.nanoTime();
        try (Link link =
                        toReceiver(
                                new Fault.Drip(10, 100, 7, Duration.ofMillis(1)),
                                new Fault.Stall(5000, stall),
                                new Fault.Limit(10_000, 10_000, 200_000, 500));
                Socket near = connect(link);
                Socket far = accept()) {
            Future<?> writing = send(near, sent);
            assertThat(far.getInputStream().readAllBytes()).isEqualTo(sent);
            writing.get(20, TimeUnit.SECONDS);
            assertThat(link.struck()).hasSize(3);
        }
        long leastNanos = stall.toNanos() + 9_500 * 1_000_000_000L / 200_000 + 14_000_000;
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(leastNanos);
    }

    @Test
    void aBlackHoleTellsNobodyAnything() throws Exception {
        try (Link link = toReceiver(new Fault.BlackHole(100));
                Socket near = connect(link);
                Socket far = accept()) {
            near.getOutputStream().write(new byte[200]);
            assertThat(far.getInputStream().readNBytes(100)).hasSize(100);
            near.shutdownOutput();
            far.setSoTimeout(200);
            assertThatThrownBy(() -> far.getInputStream().read())
                    .isInstanceOf(SocketTimeoutException.class);
        }
    }

    @Test
    void whoeverDoesNotReadHoldsUpTheWriter() throws Exception {
        byte[] sent = bytes(64 << 20);
        try (Link link = link(NetworkPlan.CALM);
                SocketChannel near = SocketChannel.open(link.address());
                Socket far = accept();
                Selector selector = Selector.open()) {
            near.configureBlocking(false);
            near.register(selector, SelectionKey.OP_WRITE);
            ByteBuffer rest = ByteBuffer.wrap(sent);
            while (rest.hasRemaining() && selector.select(1000) > 0) {
                selector.selectedKeys().clear();
                near.write(rest);
            }
            assertThat(rest.hasRemaining()).as("the writer is held up").isTrue();
            near.keyFor(selector).cancel();
            selector.selectNow();
            near.configureBlocking(true);
            Future<?> writing =
                    threads.submit(
                            () -> {
                                while (rest.hasRemaining()) {
                                    near.write(rest);
                                }
                                return near.shutdownOutput();
                            });
            assertThat(Arrays.equals(far.getInputStream().readAllBytes(), sent)).isTrue();
            writing.get(20, TimeUnit.SECONDS);
        }
    }

    @Test
    void aRefusedConnectionIsResetAndTheNextIsNot() throws Exception {
        try (Link link = link(NetworkPlan.of(ConnectionPlan.door(new Door.Refused())))) {
            try (Socket near = connect(link)) {
                assertThatThrownBy(() -> near.getInputStream().read())
                        .isInstanceOf(SocketException.class);
            }
            try (Socket near = connect(link);
                    Socket far = accept()) {
                near.getOutputStream().write(7);
                assertThat(far.getInputStream().read()).isEqualTo(7);
            }
        }
    }

    @Test
    void nobodyListensWhileTheReceiverIsDown() throws Exception {
        Door.Down down = new Door.Down(Duration.ofMillis(300));
        try (Link link = link(NetworkPlan.of(ConnectionPlan.door(down)))) {
            int refused = 0;
            try (Socket near = connect(link)) {
                assertThatThrownBy(() -> near.getInputStream().read())
                        .isInstanceOf(SocketException.class);
            }
            for (long until = System.nanoTime() + 20_000_000_000L; ; ) {
                try (Socket near = connect(link);
                        Socket far = accept()) {
                    near.getOutputStream().write(7);
                    assertThat(far.getInputStream().read()).isEqualTo(7);
                    break;
                } catch (ConnectException e) {
                    refused++;
                    assertThat(System.nanoTime()).isLessThan(until);
                }
            }
            assertThat(refused).isPositive();
            assertThat(link.struck()).containsExactly(new Link.Strike(0, down));
        }
    }

    @Test
    void aConnectionThatIsHeldBackArrivesAfterOthers() throws Exception {
        Door.HeldBack door = new Door.HeldBack(2, Duration.ofSeconds(60));
        try (Link link = link(NetworkPlan.of(ConnectionPlan.door(door)));
                Socket first = connect(link)) {
            first.getOutputStream().write(1);
            try (Socket second = connect(link);
                    Socket secondFar = accept()) {
                second.getOutputStream().write(2);
                assertThat(secondFar.getInputStream().read()).isEqualTo(2);
                try (Socket third = connect(link);
                        Socket one = accept();
                        Socket other = accept()) {
                    third.getOutputStream().write(3);
                    assertThat(
                                    Arrays.asList(
                                            one.getInputStream().read(),
                                            other.getInputStream().read()))
                            .containsExactlyInAnyOrder(1, 3);
                }
            }
        }
    }

    private Link link(NetworkPlan plan) throws IOException {
        return network.link((InetSocketAddress) server.getLocalSocketAddress(), plan);
    }

    private Link toReceiver(Fault... faults) throws IOException {
        return link(NetworkPlan.of(ConnectionPlan.toReceiver(faults)));
    }

    private static Socket connect(Link link) throws IOException {
        Socket socket = new Socket(link.address().getAddress(), link.address().getPort());
        socket.setSoTimeout(READ_MILLIS);
        return socket;
    }

    private Socket accept() throws IOException {
        Socket socket = server.accept();
        socket.setSoTimeout(READ_MILLIS);
        return socket;
    }

    private Future<?> send(Socket socket, byte[] bytes) {
        return threads.submit(
                () -> {
                    socket.getOutputStream().write(bytes);
                    socket.shutdownOutput();
                    return bytes.length;
                });
    }

    private byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }
}
