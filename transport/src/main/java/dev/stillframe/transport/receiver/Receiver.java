package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.ErrorCode;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * Takes images from senders until it is closed. One thread, {@code stillframe-receiver}, moves
 * bytes; every session has a thread {@code stillframe-session-N} for its sink. Thread-safe.
 */
@SuppressWarnings("FutureReturnValueIgnored") // of closing, which is awaited where it matters
public final class Receiver implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Receiver.class);

    /** How long a close waits for the sinks, each of which can be in the middle of a write. */
    private static final Duration CLOSE_DEADLINE = Duration.ofSeconds(30);

    /** Large enough that a batch takes few reads, small enough for the processor's cache. */
    private static final int READ_BYTES = 256 << 10;

    private final EventLoopGroup group;
    private final Channel listener;
    private final Capacity capacity;
    private final Set<Session> sessions;

    private Receiver(
            EventLoopGroup group, Channel listener, Capacity capacity, Set<Session> sessions) {
        this.group = group;
        this.listener = listener;
        this.capacity = capacity;
        this.sessions = sessions;
    }

    /**
     * Listens.
     *
     * @param listen where; port 0 takes a free one
     * @param sinks makes the sink of each session
     * @param limits what the peers may take
     * @param registry gets the meters {@code stillframe.transport.*}
     * @param events told of sessions
     * @throws IOException if it cannot listen there
     */
    public static Receiver start(
            InetSocketAddress listen,
            SinkFactory sinks,
            ReceiverLimits limits,
            MeterRegistry registry,
            ReceiverEvents events)
            throws IOException {
        ReceiverMetrics metrics = new ReceiverMetrics(registry);
        Capacity capacity = new Capacity(limits, metrics);
        Session.Services services = new Session.Services(sinks, limits, capacity, metrics, events);
        Set<Session> sessions = new HashSet<>(); // the event loop's
        EventLoopGroup group =
                new MultiThreadIoEventLoopGroup(
                        1,
                        (ThreadFactory) task -> new Thread(task, "stillframe-receiver"),
                        NioIoHandler.newFactory());
        ChannelFuture bound =
                new ServerBootstrap()
                        .group(group)
                        .channel(NioServerSocketChannel.class)
                        .option(ChannelOption.SO_REUSEADDR, true)
                        .childOption(ChannelOption.TCP_NODELAY, true)
                        .childOption(
                                ChannelOption.RECVBUF_ALLOCATOR,
                                new FixedRecvByteBufAllocator(READ_BYTES))
                        .childHandler(new Door(services, sessions))
                        .bind(listen)
                        .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            throw new IOException(
                    "cannot listen on %s: %s; choose another address or port"
                            .formatted(listen, bound.cause().getMessage()),
                    bound.cause());
        }
        return new Receiver(group, bound.channel(), capacity, sessions);
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return (InetSocketAddress) listener.localAddress();
    }

    /**
     * Ends all sessions; their images are not published. Waits for their sinks, at most 30 seconds.
     * Idempotent.
     */
    @Override
    public void close() {
        List<SessionWorker> workers = new ArrayList<>();
        if (!group.isShuttingDown()) {
            listener.close().awaitUninterruptibly();
            group.next().submit(() -> endSessions(workers)).awaitUninterruptibly();
        }
        try {
            await(workers);
        } catch (InterruptedException e) {
            LOG.warn("interrupted while waiting for the sinks of sessions", e);
            Thread.currentThread().interrupt();
        }
        group.shutdownGracefully(0, CLOSE_DEADLINE.toSeconds(), TimeUnit.SECONDS);
        if (!group.terminationFuture().awaitUninterruptibly(CLOSE_DEADLINE.toMillis())) {
            LOG.error("the receiver's thread did not end within {}", CLOSE_DEADLINE);
        }
    }

    private void endSessions(List<SessionWorker> workers) {
        workers.addAll(capacity.workers());
        for (Session session : List.copyOf(sessions)) {
            session.fail(ErrorCode.SHUTDOWN, "the receiver is shutting down");
        }
    }

    private static void await(List<SessionWorker> workers) throws InterruptedException {
        long until = System.nanoTime() + CLOSE_DEADLINE.toNanos();
        for (SessionWorker worker : workers) {
            Duration left = Duration.ofNanos(Math.max(0, until - System.nanoTime()));
            if (!worker.awaitEnd(left)) {
                LOG.error("the sink of a session did not come to an end within {}", CLOSE_DEADLINE);
            }
        }
    }
}
