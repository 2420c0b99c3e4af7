package dev.stillframe.transport.sender;

import dev.stillframe.transport.encoding.Choice;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;

/**
 * What all connections of a sender have in common.
 *
 * @param transport the way to the kernel's sockets
 * @param group their threads
 * @param receiver where they go
 * @param tls encryption, or null for none
 * @param options how long to wait
 * @param rate how fast all of them together may send
 * @param choice how their batches are encoded
 * @param metrics counts
 * @param random makes secrets
 */
record Network(
        NetworkTransport transport,
        EventLoopGroup group,
        SocketAddress receiver,
        @Nullable SslContext tls,
        SenderOptions options,
        RateLimit rate,
        Choice choice,
        SenderMetrics metrics,
        SecureRandom random) {
    /** Above what an option can say. */
    private static final Duration LONGEST_CONNECTING = Duration.ofDays(30);

    /**
     * Connects.
     *
     * @param opening what is said first
     * @param peerIdleMillis how long the receiver waits, as far as it is known
     * @param roundTrips gets round-trip times; null for a lane
     * @param channels gets the channel at once, so that whoever gives up can close it
     */
    Channel connect(
            Message.Opening opening,
            Replies replies,
            int peerIdleMillis,
            @Nullable SenderMetrics roundTrips,
            List<Channel> channels)
            throws IOException {
        Connection connection =
                new Connection(
                        peer(), opening, options.credentials().key(), replies,
                        options.timeouts().idle(), peerIdleMillis, roundTrips);
        ChannelFuture connecting =
                new Bootstrap()
                        .group(group)
                        .channel(transport.channel(receiver))
                        .option(
                                ChannelOption.CONNECT_TIMEOUT_MILLIS,
                                (int) options.timeouts().connect().toMillis())
                        .handler(
                                new ChannelInitializer<Channel>() {
                                    @Override
                                    protected void initChannel(Channel channel) {
                                        NetworkTransport.sendAtOnce(channel);
                                        if (tls != null) {
                                            channel.pipeline()
                                                    .addLast(
                                                            newTlsHandler(channel.alloc(), tls));
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
    static boolean await(ChannelFuture operation, Duration timeout) throws IOException {
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
    String peer() {
        return NetworkTransport.words(receiver);
    }

    /** Something that was never used before. */
    byte[] nonce() {
        byte[] nonce = new byte[Limits.NONCE_BYTES];
        random.nextBytes(nonce);
        return nonce;
    }
}
