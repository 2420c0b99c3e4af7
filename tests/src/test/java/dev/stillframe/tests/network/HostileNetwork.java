package dev.stillframe.tests.network;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * A network between senders and receivers that does to their connections what its plans say. One
 * thread moves all bytes; each direction of a connection holds at most one read and what the socket
 * does not take at once, so whoever does not read slows down whoever writes. Thread-safe.
 */
final class HostileNetwork implements AutoCloseable {
    private static final int CLOSE_SECONDS = 20;

    private final EventLoopGroup group =
            new MultiThreadIoEventLoopGroup(
                    1,
                    (ThreadFactory) task -> new Thread(task, "hostile-network"),
                    NioIoHandler.newFactory());

    /**
     * A way to {@code receiver}, with an address of its own, on which {@code plan} is carried out.
     */
    Link link(InetSocketAddress receiver, NetworkPlan plan) throws IOException {
        return Link.open(group.next(), receiver, plan);
    }

    /** The links are closed before. */
    @Override
    public void close() {
        group.shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS);
        if (!group.terminationFuture().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS)) {
            throw new AssertionError("the network does not end");
        }
    }
}
