package dev.stillframe.transport.client;

import dev.stillframe.transport.net.NetworkTransport;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Connects to a receiver, as often as is wanted. Thread-safe.
 *
 * @param transport the way to the kernel's sockets
 * @param group the connections' threads
 * @param receiver where they go
 * @param tls encryption, or null for none
 * @param patience how long connecting may take
 */
public record Dialer(
        NetworkTransport transport,
        EventLoopGroup group,
        SocketAddress receiver,
        @Nullable SslContext tls,
        Duration patience) {
    /** Above what an option can say. */
    private static final Duration LONGEST_CONNECTING = Duration.ofDays(30);

    /**
     * Connects.
     *
     * @param channels gets the channel at once, so that whoever gives up can close it
     * @throws LostException if nobody answers there
     */
    public Channel connect(ClientConnection connection, List<Channel> channels) throws IOException {
        ChannelFuture connecting =
                new Bootstrap()
                        .group(group)
                        .channel(transport.channel(receiver))
                        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) patience.toMillis())
                        .handler(
                                new ChannelInitializer<Channel>() {
                                    @Override
                                    protected void initChannel(Channel channel) {
                                        NetworkTransport.sendAtOnce(channel);
                                        if (tls != null) {
                                            channel.pipeline()
                                                    .addLast(newTlsHandler(channel.alloc(), tls));
                                        }
                                        channel.pipeline().addLast(connection);
                                    }
                                })
                        .connect(fresh());
        channels.add(connecting.channel());
        await(connecting, LONGEST_CONNECTING);
        if (!connecting.isSuccess()) {
            Throwable cause = connecting.cause();
            if (cause == null) {
                throw new LostException("cannot connect to %s in time".formatted(peer()), null);
            }
            throw new LostException(
                    "cannot connect to %s: %s; check the address, that a receiver listens there, and firewalls"
                            .formatted(peer(), cause.getMessage()),
                    cause);
        }
        return connecting.channel();
    }

    /** Waits for an operation of the network; an interrupt ends the wait. */
    public static boolean await(ChannelFuture operation, Duration timeout) throws IOException {
        try {
            return operation.await(timeout.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while waiting for the network")
                            .initCause(e);
        }
    }

    /** For the name that the user gave; on a Unix socket, this host's. */
    private SslHandler newTlsHandler(ByteBufAllocator allocator, SslContext context) {
        return receiver instanceof InetSocketAddress inet
                ? context.newHandler(allocator, inet.getHostString(), inet.getPort())
                : context.newHandler(allocator, "localhost", 0);
    }

    /** A name is looked up again for every attempt: the receiver may have moved. */
    private SocketAddress fresh() {
        if (!(receiver instanceof InetSocketAddress inet)) {
            return transport.address(receiver);
        }
        InetAddress known = inet.getAddress();
        return known != null && inet.getHostString().equals(known.getHostAddress())
                ? receiver
                : new InetSocketAddress(inet.getHostString(), inet.getPort());
    }

    /** The receiver, as one types it. */
    public String peer() {
        return NetworkTransport.words(receiver);
    }
}
