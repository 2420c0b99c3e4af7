package dev.stillframe.transport.receiver;

import dev.stillframe.engine.time.Deadline;
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
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes images from senders until it is closed. Threads {@code stillframe-receiver-N} move bytes;
 * every session has a thread {@code stillframe-session-N} for its sink. Time is the registry's
 * clock; the deadlines of peers are the event loops'. Thread-safe.
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
    private final SocketAddress address;
    private final @Nullable UnixSocketFile file;
    private final Services services;
    private final Set<Connection> connections;

    private Receiver(
            EventLoopGroup group,
            Channel listener,
            SocketAddress address,
            @Nullable UnixSocketFile file,
            Services services,
            Set<Connection> connections) {
        this.group = group;
        this.listener = listener;
        this.address = address;
        this.file = file;
        this.services = services;
        this.connections = connections;
    }

    /**
     * Listens.
     *
     * @param listen where: an {@code InetSocketAddress}, with port 0 for a free one, or a {@code
     *     UnixDomainSocketAddress}, whose file only its owner can use
     * @param sinks makes the sink of each session
     * @param limits what the peers may take
     * @param credentials who may come in
     * @param registry gets the meters {@code stillframe.transport.*}
     * @param events told of sessions
     * @throws IOException if it cannot listen there
     */
    public static Receiver start(
            SocketAddress listen,
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
                        "receiver");
        Door door = new Door(services, connections, tls, transport.readsAtOnce(), listen);
        boolean listens = false;
        @Nullable UnixSocketFile file = null;
        try {
            file =
                    listen instanceof UnixDomainSocketAddress unix
                            ? UnixSocketFile.at(unix.getPath())
                            : null;
            Channel listener =
                    bind(transport, group, door, file == null ? listen : file.cradle(), listen);
            if (file != null) {
                file.publish();
            }
            listens = true;
            return new Receiver(
                    group,
                    listener,
                    file == null ? listener.localAddress() : listen,
                    file,
                    services,
                    connections);
        } finally {
            if (!listens) {
                group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
                if (file != null) {
                    file.close();
                }
            }
        }
    }

    private static Channel bind(
            NetworkTransport transport,
            EventLoopGroup group,
            Door door,
            SocketAddress at,
            SocketAddress listen)
            throws IOException {
        ServerBootstrap bootstrap =
                new ServerBootstrap()
                        .group(group)
                        .channel(transport.serverChannel(at))
                        .childHandler(door);
        if (at instanceof InetSocketAddress) {
            bootstrap.option(ChannelOption.SO_REUSEADDR, true);
        }
        ChannelFuture bound = bootstrap.bind(transport.address(at)).awaitUninterruptibly();
        if (!bound.isSuccess()) {
            throw new IOException(
                    "cannot listen on %s: %s; choose another address or port"
                            .formatted(NetworkTransport.words(listen), bound.cause().getMessage()),
                    bound.cause());
        }
        return bound.channel();
    }

    /** The same for whoever can connect. */
    public static Receiver start(
            SocketAddress listen,
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
    public SocketAddress address() {
        return address;
    }

    /**
     * Ends all sessions; their images are not published, and can be taken up again if their sinks
     * can. Waits for the sinks, at most 30 seconds. Idempotent.
     */
    @Override
    public void close() {
        listener.close().awaitUninterruptibly();
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                LOG.warn("the socket's file remains: {}", NetworkTransport.words(address), e);
            }
        }
        List<SessionWorker> workers =
                services.sessions().all().stream().map(Session::worker).toList();
        if (!group.isShuttingDown()) {
            for (Connection connection : connections) {
                connection.execute(
                        () -> connection.fail(ErrorCode.SHUTDOWN, "the receiver is shutting down"));
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

    private void await(List<SessionWorker> workers) throws InterruptedException {
        Deadline deadline = Deadline.in(services.metrics().clock(), CLOSE_DEADLINE);
        for (SessionWorker worker : workers) {
            Duration left = Duration.ofNanos(Math.max(0, deadline.leftNanos()));
            if (!worker.awaitEnd(left)) {
                LOG.error("the sink of a session did not come to an end within {}", CLOSE_DEADLINE);
            }
        }
    }
}
