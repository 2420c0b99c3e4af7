package dev.stillframe.tests.network;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One connection through a {@link Link}: two sockets and two directions. Owned by its thread. */
@SuppressWarnings("FutureReturnValueIgnored") // failures end up in the handlers
final class Relay {
    private static final int CONNECT_MILLIS = 10_000;

    private final Link link;
    private final int number;
    private final SocketChannel sender;
    private final NetworkPlan.ConnectionPlan plan;
    private @Nullable SocketChannel receiver;
    private @Nullable Direction toReceiver;
    private @Nullable Direction toSender;
    private boolean silent;

    Relay(Link link, int number, SocketChannel sender, NetworkPlan.ConnectionPlan plan) {
        this.link = link;
        this.number = number;
        this.sender = sender;
        this.plan = plan;
        sender.closeFuture().addListener(_ -> left());
    }

    /** Connects to the receiver; bytes flow when that stands. */
    void connect(InetSocketAddress address) {
        if (!sender.isOpen()) {
            return; // held back, and closed meanwhile
        }
        new Bootstrap()
                .group(link.loop())
                .channel(NioSocketChannel.class)
                .option(ChannelOption.AUTO_READ, false)
                .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS)
                .option(
                        ChannelOption.RECVBUF_ALLOCATOR,
                        new FixedRecvByteBufAllocator(Link.READ_BYTES))
                .option(
                        ChannelOption.WRITE_BUFFER_WATER_MARK,
                        new WriteBufferWaterMark(Link.READ_BYTES, 2 * Link.READ_BYTES))
                .handler(new ChannelInboundHandlerAdapter())
                .connect(address)
                .addListener(
                        (ChannelFutureListener)
                                done -> {
                                    if (done.isSuccess() && sender.isOpen()) {
                                        join((SocketChannel) done.channel());
                                    } else {
                                        done.channel().close();
                                        reset();
                                    }
                                });
    }

    private void join(SocketChannel connected) {
        receiver = connected;
        connected.closeFuture().addListener(_ -> left());
        Direction there = new Direction(this, sender, connected, walk(plan.toReceiver()));
        Direction back = new Direction(this, connected, sender, walk(plan.toSender()));
        toReceiver = there;
        toSender = back;
        sender.pipeline().addLast(new End(there, back));
        connected.pipeline().addLast(new End(back, there));
        there.pump();
        back.pump();
    }

    /** A socket is closed: both are, unless nobody is to learn of anything. */
    private void left() {
        SocketChannel other = receiver;
        if (!silent) {
            close();
        }
        if (!sender.isOpen() && (other == null || !other.isOpen())) {
            stop();
            link.ended(this);
        }
    }

    private FaultWalk walk(List<Fault> faults) {
        return new FaultWalk(faults, fault -> link.struck(number, fault));
    }

    boolean isSilent() {
        return silent;
    }

    /** From now on nothing goes through, and nobody learns of anything. */
    void fallSilent() {
        silent = true;
    }

    /** Ends the connection as {@code how} says; a half-close ends the one direction only. */
    void end(Fault.Cut.How how) {
        switch (how) {
            case CLOSE -> close();
            case RESET -> reset();
            case HALF_CLOSE -> closeIfBothAreOver();
        }
    }

    void closeIfBothAreOver() {
        if (toReceiver != null && toReceiver.isOver() && toSender != null && toSender.isOver()) {
            close();
        }
    }

    private void close() {
        stop();
        sender.close();
        if (receiver != null) {
            receiver.close();
        }
    }

    /** Ends both sides with RST: what is not sent yet is thrown away (SO_LINGER 0, socket(7)). */
    void reset() {
        stop();
        linger(sender);
        if (receiver != null) {
            linger(receiver);
        }
        close();
    }

    private static void linger(SocketChannel channel) {
        if (channel.isOpen()) {
            channel.config().setOption(ChannelOption.SO_LINGER, 0);
        }
    }

    private void stop() {
        if (toReceiver != null) {
            toReceiver.stop();
        }
        if (toSender != null) {
            toSender.stop();
        }
    }

    /** A socket: {@code from} reads of it, {@code into} writes to it. */
    private final class End extends ChannelInboundHandlerAdapter {
        private final Direction from;
        private final Direction into;

        End(Direction from, Direction into) {
            this.from = from;
            this.into = into;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            from.arrived(message);
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext context) {
            into.pump();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event instanceof ChannelInputShutdownEvent) {
                from.finished();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            if (silent) {
                context.close();
            } else {
                reset();
            }
        }
    }
}
