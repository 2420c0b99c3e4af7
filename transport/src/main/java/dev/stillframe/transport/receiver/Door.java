package dev.stillframe.transport.receiver;

import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.wire.ErrorCode;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.handler.ssl.SslContext;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes in a new connection, or turns it away. Thread-safe; its channels' event loops call it. */
@SuppressWarnings("FutureReturnValueIgnored") // of closing, which is awaited where it matters
final class Door extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(Door.class);

    private final Services services;
    private final Set<Connection> connections;
    private final @Nullable SslContext tls;
    private final boolean direct;
    private final SocketAddress listen;
    private final AtomicLong count = new AtomicLong();

    /**
     * A door at {@code listen}.
     *
     * @param direct whether pages may be read straight to their places
     */
    Door(
            Services services,
            Set<Connection> connections,
            @Nullable SslContext tls,
            boolean direct,
            SocketAddress listen) {
        this.services = services;
        this.connections = connections;
        this.tls = tls;
        this.direct = direct;
        this.listen = listen;
    }

    @Override
    public boolean isSharable() {
        return true;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        Capacity capacity = services.capacity();
        int open = capacity.addConnection();
        int most = services.limits().maxConnections();
        context.channel().closeFuture().addListener(_ -> capacity.giveConnection());
        if (open > 2 * most) {
            capacity.giveStranger();
            context.close(); // not even a word for those
            return;
        }
        Connection connection;
        try {
            connection = connection(context);
        } catch (Throwable t) { // it has no deadlines yet
            LOG.error("a connection from {} could not be taken in", peer(context), t);
            capacity.giveStranger();
            context.close();
            return;
        }
        try {
            connections.add(connection);
            context.channel().closeFuture().addListener(_ -> connections.remove(connection));
        } catch (Throwable t) {
            connection.failed(t);
        }
        if (open > most || capacity.hasTooManyStrangers()) {
            connection.fail(
                    ErrorCode.BUSY,
                    "the receiver has %d connections, which is the most; try again later"
                            .formatted(open - 1));
        }
    }

    private Connection connection(ChannelHandlerContext context) {
        NetworkTransport.sendAtOnce(context.channel());
        DirectReads reads = new DirectReads();
        if (tls != null) {
            context.pipeline().addFirst(new TlsGate(), tls.newHandler(context.alloc()));
        } else if (direct) {
            context.channel().config().setOption(ChannelOption.RECVBUF_ALLOCATOR, reads);
        }
        Connection connection =
                new Connection(services, count.incrementAndGet(), peer(context), context, reads);
        context.pipeline().addLast(connection);
        return connection;
    }

    /** Peers on a Unix socket have no address: they are known by that of the socket. */
    private SocketAddress peer(ChannelHandlerContext context) {
        return context.channel().remoteAddress() instanceof InetSocketAddress inet ? inet : listen;
    }
}
