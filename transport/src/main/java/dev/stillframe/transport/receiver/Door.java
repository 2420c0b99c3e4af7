package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.ErrorCode;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.handler.ssl.SslContext;

import org.jspecify.annotations.Nullable;

import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/** Takes in a new connection, or turns it away. Thread-safe; its channels' event loops call it. */
@SuppressWarnings("FutureReturnValueIgnored") // of closing, which is awaited where it matters
final class Door extends ChannelInboundHandlerAdapter {
    private final Services services;
    private final Set<Connection> connections;
    private final @Nullable SslContext tls;
    private final boolean direct;
    private final AtomicLong count = new AtomicLong();

    /** {@code direct} says whether pages may be read straight to their places. */
    Door(
            Services services,
            Set<Connection> connections,
            @Nullable SslContext tls,
            boolean direct) {
        this.services = services;
        this.connections = connections;
        this.tls = tls;
        this.direct = direct;
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
        DirectReads reads = new DirectReads();
        if (tls != null) {
            context.pipeline().addFirst(new TlsGate(), tls.newHandler(context.alloc()));
        } else if (direct) {
            context.channel().config().setOption(ChannelOption.RECVBUF_ALLOCATOR, reads);
        }
        Connection connection =
                new Connection(services, count.incrementAndGet(), context, reads);
        connections.add(connection);
        context.channel().closeFuture().addListener(_ -> connections.remove(connection));
        context.pipeline().addLast(connection);
        if (open > most || capacity.hasTooManyStrangers()) {
            connection.fail(
                    ErrorCode.BUSY,
                    "the receiver has %d connections, which is the most; try again later"
                            .formatted(open - 1));
        }
    }
}
