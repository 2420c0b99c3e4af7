package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One way through a {@link HostileNetwork}: listens, and relays each connection as the plan has it.
 * Owned by the network's thread; {@link #address}, {@link #struck}, {@link #accepted}, {@link #cut}
 * and {@link #close} may be called by any other.
 */
@SuppressWarnings("FutureReturnValueIgnored") // failures end up in the handlers
final class Link implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 20;
    static final int READ_BYTES = 64 << 10;

    private final EventLoop loop;
    private final InetSocketAddress receiver;
    private final NetworkPlan plan;

    /**
     * Bound and never used: it keeps the port ours while nobody listens there. Linux lets a second
     * socket listen on it, as both have SO_REUSEADDR and this one never listens (ip(7), socket(7)).
     */
    private final Socket reservation;

    private final InetSocketAddress address;
    private final Queue<Strike> struck = new ConcurrentLinkedQueue<>();
    private final Set<Relay> relays = new HashSet<>();
    private final List<Held> held = new ArrayList<>();
    private @Nullable Channel listener;
    private int accepted;
    private boolean closed;
    private volatile @Nullable Throwable failure;

    /** A fault or a door that a connection has met; {@code connection} counts from 0. */
    record Strike(int connection, Object by) {}

    /** A connection that goes on when {@code accepted} has grown to {@code until}. */
    private record Held(Relay relay, int until) {}

    private Link(EventLoop loop, InetSocketAddress receiver, NetworkPlan plan, Socket reservation) {
        this.loop = loop;
        this.receiver = receiver;
        this.plan = plan;
        this.reservation = reservation;
        this.address = (InetSocketAddress) reservation.getLocalSocketAddress();
    }

    static Link open(EventLoop loop, InetSocketAddress receiver, NetworkPlan plan)
            throws IOException {
        Socket reservation = new Socket();
        reservation.setReuseAddress(true);
        reservation.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        Link link = new Link(loop, receiver, plan, reservation);
        ChannelFuture bound = link.bind().awaitUninterruptibly();
        if (!bound.isSuccess()) {
            reservation.close();
            throw new IOException("cannot listen on " + link.address, bound.cause());
        }
        loop.submit(() -> link.listener = bound.channel()).awaitUninterruptibly();
        return link;
    }

    /** Where the sender has to connect to. */
    InetSocketAddress address() {
        return address;
    }

    /** What the connections have met so far. */
    List<Strike> struck() {
        return List.copyOf(struck);
    }

    /** How many connections have come. */
    int accepted() {
        return loop.submit(() -> accepted).awaitUninterruptibly().getNow();
    }

    /** Resets all connections; those that come later are let alone. */
    void cut() {
        assertThat(
                        loop.submit(() -> List.copyOf(relays).forEach(Relay::reset))
                                .awaitUninterruptibly(PATIENCE_SECONDS, TimeUnit.SECONDS))
                .as("the link is cut")
                .isTrue();
    }

    private ChannelFuture bind() {
        return new ServerBootstrap()
                .group(loop)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_REUSEADDR, true)
                .option(ChannelOption.SO_BACKLOG, 1024)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(
                        ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(READ_BYTES))
                .childOption(
                        ChannelOption.WRITE_BUFFER_WATER_MARK,
                        new WriteBufferWaterMark(READ_BYTES, 2 * READ_BYTES))
                .childHandler(
                        new ChannelInitializer<SocketChannel>() {
                            @Override
                            protected void initChannel(SocketChannel channel) {
                                loop.execute(() -> accept(channel)); // when it stands
                            }
                        })
                .bind(address);
    }

    private void accept(SocketChannel sender) {
        int number = accepted++;
        NetworkPlan.ConnectionPlan met = plan.connection(number);
        Relay relay = new Relay(this, number, sender, met);
        relays.add(relay);
        switch (met.door()) {
            case Door.Open _ -> relay.connect(receiver);
            case Door.Refused refused -> {
                struck(number, refused);
                relay.reset();
            }
            case Door.Down down -> {
                struck(number, down);
                relay.reset();
                goDown(down.length());
            }
            case Door.HeldBack back -> {
                struck(number, back);
                held.add(new Held(relay, number + 1 + back.later()));
                loop.schedule(() -> letGo(relay), back.atMost().toNanos(), TimeUnit.NANOSECONDS);
            }
        }
        List.copyOf(held).stream()
                .filter(waiting -> accepted >= waiting.until())
                .forEach(waiting -> letGo(waiting.relay()));
    }

    private void letGo(Relay relay) {
        if (held.removeIf(waiting -> waiting.relay() == relay)) {
            relay.connect(receiver);
        }
    }

    private void goDown(Duration length) {
        Channel listening = listener;
        if (listening != null) {
            listening.close();
            listener = null;
            loop.schedule(this::comeUp, length.toNanos(), TimeUnit.NANOSECONDS);
        }
    }

    private void comeUp() {
        if (!closed) {
            ChannelFuture bound = bind();
            listener = bound.channel();
            bound.addListener(done -> failure = done.cause());
        }
    }

    void struck(int connection, Object by) {
        struck.add(new Strike(connection, by));
    }

    void ended(Relay relay) {
        relays.remove(relay);
    }

    EventLoop loop() {
        return loop;
    }

    /** Ends all connections. */
    @Override
    public void close() {
        assertThat(failure).as("listening again").isNull();
        assertThat(
                        loop.submit(this::closeAll)
                                .awaitUninterruptibly(PATIENCE_SECONDS, TimeUnit.SECONDS))
                .as("the link is closed")
                .isTrue();
        try {
            reservation.close();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void closeAll() {
        closed = true;
        if (listener != null) {
            listener.close();
        }
        List.copyOf(relays).forEach(Relay::reset);
    }
}
