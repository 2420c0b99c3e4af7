package dev.stillframe.transport.sender;

import dev.stillframe.transport.wire.Limits;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.List;

/**
 * What all connections of a sender have in common.
 *
 * @param group their threads
 * @param receiver where they go
 * @param options how long to wait
 * @param rate how fast all of them together may send
 * @param metrics counts
 * @param random makes secrets
 */
record Network(
        EventLoopGroup group,
        InetSocketAddress receiver,
        SenderOptions options,
        RateLimit rate,
        SenderMetrics metrics,
        SecureRandom random) {
    /**
     * Connects.
     *
     * @param roundTrips gets round-trip times; null for a lane
     * @param channels gets the channel at once, so that whoever gives up can close it
     */
    Channel connect(Replies replies, @Nullable SenderMetrics roundTrips, List<Channel> channels)
            throws IOException {
        ChannelFuture connecting =
                new Bootstrap()
                        .group(group)
                        .channel(NioSocketChannel.class)
                        .option(ChannelOption.TCP_NODELAY, true)
                        .option(
                                ChannelOption.CONNECT_TIMEOUT_MILLIS,
                                (int) options.timeouts().connect().toMillis())
                        .handler(
                                new Connection(
                                        peer(), replies, options.timeouts().idle(), roundTrips))
                        .connect(fresh());
        channels.add(connecting.channel());
        connecting.awaitUninterruptibly();
        if (!connecting.isSuccess()) {
            Throwable cause = connecting.cause();
            throw new LostException(
                    "cannot connect to %s: %s; check the address, that a receiver listens there, and firewalls"
                            .formatted(peer(), cause.getMessage()),
                    cause);
        }
        return connecting.channel();
    }

    /** A name is looked up again for every attempt: the receiver may have moved. */
    private InetSocketAddress fresh() {
        return receiver.getHostString().equals(receiver.getAddress().getHostAddress())
                ? receiver
                : new InetSocketAddress(receiver.getHostString(), receiver.getPort());
    }

    /** {@code HOST:PORT}; IPv6 addresses in brackets. */
    String peer() {
        String host = receiver.getHostString();
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + receiver.getPort();
    }

    /** Something that was never used before. */
    byte[] nonce() {
        byte[] nonce = new byte[Limits.NONCE_BYTES];
        random.nextBytes(nonce);
        return nonce;
    }
}
