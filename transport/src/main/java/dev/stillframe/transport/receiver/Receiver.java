package dev.stillframe.transport.receiver;

import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.wire.ErrorCode;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;

import io.netty.handler.ssl.SslContext;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Takes images from senders until it is closed. Threads {@code stillframe-receiver-N} move bytes;
 * every session has a thread {@code stillframe-session-N} for its sink. Thread-safe.
 */
@SuppressWarnings("FutureReturnValueIgnored") // of closing, which is awaited where it matters
public final class Receiver implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Receiver.class);

    /** How long a close waits for the sinks, each of which can be in the middle of a write. */
    private static final Duration CLOSE_DEADLINE = Duration.ofSeconds(30);

    /** More threads than this do not make the network faster. */
    private static final int MAX_THREADS = 8;

    private final EventLoopGroup group;
    private final Channel listener;
    private final Services services;
    private final Set<Connection> connections;

    private Receiver(
            EventLoopGroup group,
            Channel listener,
            Services services,
            Set<Connection> connections) {
        this.group = group;
        this.listener = listener;
        this.services = services;
        this.connections = connections;
    }

    /**
     * Listens.
     *
     * @param listen where; port 0 takes a free one
     * @param sinks makes the sink of each session
     * @param limits what the peers may take
     * @param credentials who may come in
     * @param registry gets the meters {@code stillframe.transport.*}
     * @param events told of sessions
     * @throws IOException if it cannot listen there
     */
    public static Receiver start(
            InetSocketAddress listen,
            SinkFactory sinks,
            ReceiverLimits limits,
            Credentials credentials,
            MeterRegistry registry,
            ReceiverEvents events)
            throws IOException {
        @Nullable SslContext tls =
                credentials.tls() == null ? null : credentials.tls().forReceiver();
        Services services =
                services(sinks, limits, credentials, new ReceiverMetrics(registry), events);
        Set<Connection> connections = ConcurrentHashMap.newKeySet();
        NetworkTransport transport = NetworkTransport.chosen();
        EventLoopGroup group =
                transport.group(
                        Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()),
                        "stillframe-receiver");
        ChannelFuture bound =
                new ServerBootstrap()
                        .group(group)
                        .channel(transport.serverChannel())
                        .option(ChannelOption.SO_REUSEADDR, true)
                        .childOption(ChannelOption.TCP_NODELAY, true)
                        .childHandler(new Door(services, connections, tls, transport.readsAtOnce()))
                        .bind(listen)
                        .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            throw new IOException(
                    "cannot listen on %s: %s; choose another address or port"
                            .formatted(listen, bound.cause().getMessage()),
                    bound.cause());
        }
        return new Receiver(group, bound.channel(), services, connections);
    }

    /** The same for whoever can connect. */
    public static Receiver start(
            InetSocketAddress listen,
            SinkFactory sinks,
            ReceiverLimits limits,
            MeterRegistry registry,
            ReceiverEvents events)
            throws IOException {
        return start(listen, sinks, limits, Credentials.NONE, registry, events);
    }

    private static Services services(
            SinkFactory sinks,
            ReceiverLimits limits,
            Credentials credentials,
            ReceiverMetrics metrics,
            ReceiverEvents events) {
        return new Services(
                sinks,
                limits,
                credentials,
                new Capacity(limits, metrics),
                new Credits(limits),
                new BatchBuffers(metrics::memory),
                new Sessions(),
                metrics,
                events);
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return (InetSocketAddress) listener.localAddress();
    }

    /**
     * Ends all sessions; their images are not published, and can be taken up again if their sinks
     * can. Waits for the sinks, at most 30 seconds. Idempotent.
     */
    @Override
    public void close() {
        listener.close().awaitUninterruptibly();
        List<SessionWorker> workers =
                services.sessions().all().stream().map(Session::worker).toList();
        if (!group.isShuttingDown()) {
            for (Connection connection : connections) {
                connection.execute(
                        () ->
                                connection.fail(
                                        ErrorCode.SHUTDOWN, "the receiver is shutting down"));
            }
        }
        try {
            await(workers);
        } catch (InterruptedException e) {
            LOG.warn("interrupted while waiting for the sinks of sessions", e);
            Thread.currentThread().interrupt();
        }
        group.shutdownGracefully(0, CLOSE_DEADLINE.toSeconds(), TimeUnit.SECONDS);
        if (!group.terminationFuture().awaitUninterruptibly(CLOSE_DEADLINE.toMillis())) {
            LOG.error("the receiver's threads did not end within {}", CLOSE_DEADLINE);
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
