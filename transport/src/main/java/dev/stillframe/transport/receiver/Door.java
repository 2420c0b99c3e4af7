package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.ErrorCode;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

import java.util.Set;

/** Makes the session of a new connection, or turns it away. Owned by the event loop. */
@SuppressWarnings("FutureReturnValueIgnored") // of closing, which is awaited where it matters
final class Door extends ChannelInboundHandlerAdapter {
    private final Session.Services services;
    private final Set<Session> sessions;
    private long connections;

    Door(Session.Services services, Set<Session> sessions) {
        this.services = services;
        this.sessions = sessions;
    }

    @Override
    public boolean isSharable() {
        return true; // one event loop
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        int open = services.capacity().addConnection();
        int most = services.limits().maxConnections();
        context.channel().closeFuture().addListener(_ -> services.capacity().giveConnection());
        if (open > 2 * most) {
            context.close(); // not even a word for those
            return;
        }
        Session session = new Session(services, ++connections, context);
        sessions.add(session);
        context.channel().closeFuture().addListener(_ -> sessions.remove(session));
        context.pipeline().addLast(session);
        if (open > most) {
            session.fail(
                    ErrorCode.BUSY,
                    "the receiver has %d connections, which is the most; try again later"
                            .formatted(most));
        }
    }
}
