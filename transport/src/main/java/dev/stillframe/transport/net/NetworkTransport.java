package dev.stillframe.transport.net;

import dev.stillframe.engine.thread.Role;
import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannelConfig;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerDomainSocketChannel;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.channel.uring.IoUringSocketChannel;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import org.jspecify.annotations.Nullable;

/** The ways to the kernel's sockets. */
public enum NetworkTransport {
    /** Linux's epoll(7), through Netty's native library. */
    EPOLL,
    /**
     * Linux's io_uring(7). Only if asked for: a read that is under way cannot be taken back, so
     * pages cannot be read straight to their places, and it needs a kernel that allows it.
     */
    IO_URING,
    /** Java's own, everywhere. */
    NIO;

    /** The property that overrides the choice: {@code epoll}, {@code io_uring} or {@code nio}. */
    public static final String PROPERTY = "stillframe.network";

    /**
     * The best that works here, or the one that {@link #PROPERTY} names.
     *
     * @throws IllegalStateException if that one does not work, or is none
     */
    public static NetworkTransport chosen() {
        String name = System.getProperty(PROPERTY);
        if (name == null) {
            return EPOLL.problem() == null ? EPOLL : NIO;
        }
        for (NetworkTransport transport : values()) {
            if (transport.word().equals(name)) {
                String problem = transport.problem();
                if (problem != null) {
                    throw new IllegalStateException(name + " does not work here: " + problem);
                }
                return transport;
            }
        }
        throw new IllegalStateException(
                "-D%s=%s: epoll, io_uring and nio are possible".formatted(PROPERTY, name));
    }

    /** Why it does not work here; null if it does. */
    public @Nullable String problem() {
        Throwable cause =
                switch (this) {
                    case EPOLL -> Epoll.unavailabilityCause();
                    case IO_URING -> IoUring.unavailabilityCause();
                    case NIO -> null;
                };
        return cause == null ? null : String.valueOf(rootOf(cause).getMessage());
    }

    /** As one types it. */
    public String word() {
        return switch (this) {
            case EPOLL -> "epoll";
            case IO_URING -> "io_uring";
            case NIO -> "nio";
        };
    }

    /** Whether a buffer that was offered for reading is left alone once the read has returned. */
    public boolean readsAtOnce() {
        return this != IO_URING;
    }

    /** Event loops on threads of {@link Role#NETWORK}, named for {@code whose} they are. */
    public EventLoopGroup group(int threads, String whose) {
        IoHandlerFactory factory =
                switch (this) {
                    case EPOLL -> EpollIoHandler.newFactory();
                    case IO_URING -> IoUringIoHandler.newFactory();
                    case NIO -> NioIoHandler.newFactory();
                };
        return new MultiThreadIoEventLoopGroup(threads, Role.NETWORK.factory(whose), factory);
    }

    /** The channel that connects to {@code address}, one of the network or of a Unix socket. */
    public Class<? extends Channel> channel(SocketAddress address) {
        boolean unix = address instanceof UnixDomainSocketAddress;
        return switch (this) {
            case EPOLL -> unix ? EpollDomainSocketChannel.class : EpollSocketChannel.class;
            case IO_URING -> unix ? IoUringDomainSocketChannel.class : IoUringSocketChannel.class;
            case NIO -> unix ? NioDomainSocketChannel.class : NioSocketChannel.class;
        };
    }

    /** The channel that listens on {@code address}. */
    public Class<? extends ServerChannel> serverChannel(SocketAddress address) {
        boolean unix = address instanceof UnixDomainSocketAddress;
        return switch (this) {
            case EPOLL ->
                    unix ? EpollServerDomainSocketChannel.class : EpollServerSocketChannel.class;
            case IO_URING ->
                    unix
                            ? IoUringServerDomainSocketChannel.class
                            : IoUringServerSocketChannel.class;
            case NIO -> unix ? NioServerDomainSocketChannel.class : NioServerSocketChannel.class;
        };
    }

    /** Small frames are not to wait for larger ones. */
    public static void sendAtOnce(Channel channel) {
        if (channel.config() instanceof SocketChannelConfig tcp) {
            tcp.setTcpNoDelay(true);
        }
    }

    /** The address as its channels want it. */
    public SocketAddress address(SocketAddress address) {
        return this != NIO && address instanceof UnixDomainSocketAddress unix
                ? new DomainSocketAddress(unix.getPath().toFile())
                : address;
    }

    /** As one types it: {@code HOST:PORT}, IPv6 addresses in brackets, or {@code unix:PATH}. */
    public static String words(SocketAddress address) {
        return switch (address) {
            case UnixDomainSocketAddress unix -> "unix:" + unix.getPath();
            case InetSocketAddress inet -> {
                String host = inet.getHostString();
                yield (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + inet.getPort();
            }
            default -> address.toString();
        };
    }

    private static Throwable rootOf(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }
}
