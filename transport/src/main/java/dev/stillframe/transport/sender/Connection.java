package dev.stillframe.transport.sender;

import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import dev.stillframe.transport.wire.ProtocolException;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * A sender's connection, control or lane: what it hears goes to the {@link Replies}; that it hears
 * anything at all is its own care, and that the receiver does. Owned by the event loop.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Connection extends ChannelInboundHandlerAdapter {
    private static final long TICK_MILLIS = 50;
    private static final long PING_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String peer;
    private final Replies replies;
    private final Duration idleTimeout;
    private final @Nullable SenderMetrics roundTrips;
    private final FrameReader reader = new FrameReader(BatchMemory.none(), Contents.raw());
    private @Nullable Future<?> ticks;
    private long heardNanos;
    private long saidNanos;
    private long pingedNanos;
    private long peerIdleNanos = Long.MAX_VALUE;
    private boolean welcomed;

    /** {@code roundTrips} gets the round-trip times of a control connection; null for a lane. */
    Connection(
            String peer,
            Replies replies,
            Duration idleTimeout,
            @Nullable SenderMetrics roundTrips) {
        this.peer = peer;
        this.replies = replies;
        this.idleTimeout = idleTimeout;
        this.roundTrips = roundTrips;
    }

    /** How long the receiver waits; of lanes, which are told nothing of it themselves. */
    void peerIdle(int millis) {
        peerIdleNanos = TimeUnit.MILLISECONDS.toNanos(millis);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        heardNanos = now(context);
        saidNanos = heardNanos;
        pingedNanos = heardNanos;
        ticks =
                context.executor()
                        .scheduleAtFixedRate(
                                () -> tick(context),
                                TICK_MILLIS,
                                TICK_MILLIS,
                                TimeUnit.MILLISECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            Message read;
            while (!replies.hasFailed() && (read = reader.read(in)) != null) {
                heardNanos = now(context);
                take(context, read);
            }
        } catch (ProtocolException e) {
            String text = peer + " does not answer as a Stillframe receiver does: " + e.getMessage();
            fail(
                    context,
                    welcomed || e.code().isPassing() && roundTrips == null
                            ? new LostException(text, e)
                            : new IOException(text + "; check the address and the versions", e));
        } finally {
            in.release();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        if (ticks != null) {
            ticks.cancel(false);
        }
        reader.close();
        lost(
                context,
                "the receiver %s closed the connection without a word; look at its log"
                        .formatted(peer),
                null);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        lost(
                context,
                "the connection to %s was lost: %s; look at the network and the receiver's log"
                        .formatted(peer, cause.getMessage()),
                cause);
    }

    private void take(ChannelHandlerContext context, Message message) throws ProtocolException {
        switch (message) {
            case Message.HelloAck ack -> {
                welcomed = true;
                peerIdle(ack.idleMillis());
                replies.welcomed(ack);
            }
            case Message.Begun _ -> replies.begun();
            case Message.Attached _ -> replies.attached();
            case Message.Credit(var total) -> replies.credited(total);
            case Message.Durable(var sequence) -> replies.durable(sequence);
            case Message.Published published -> replies.published(published);
            case Message.KeepAlive _ -> {} // heard
            case Message.Pong(var stamp) -> {
                if (roundTrips != null) {
                    roundTrips.roundTrip(now(context) - stamp);
                }
            }
            case Message.Refusal(var code, var text) -> {
                String words =
                        "the receiver %s refused the image: %s (%s)"
                                .formatted(peer, text, code.tag());
                fail(
                        context,
                        code.isPassing()
                                ? new LostException(words, null)
                                : new IOException(words));
            }
            case Message.Challenge _, Message.Proved _ ->
                    fail(
                            context,
                            new IOException(
                                    "the receiver %s wants proof of a shared key, and there is none"
                                            .formatted(peer)));
            case Message.Hello _,
                    Message.Attach _,
                    Message.Proof _,
                    Message.LayoutPart _,
                    Message.Batch _,
                    Message.MissingPart _,
                    Message.End _,
                    Message.Abort _,
                    Message.Ping _ ->
                    fail(
                            context,
                            new IOException(
                                    "%s sends what only a sender may (%s); is it a receiver?"
                                            .formatted(peer, message.getClass().getSimpleName())));
        }
    }

    private void tick(ChannelHandlerContext context) {
        long now = now(context);
        if (now - heardNanos > idleTimeout.toNanos()) {
            lost(
                    context,
                    "nothing was heard from the receiver %s for %s; look whether it and the network are alive"
                            .formatted(peer, Durations.words(idleTimeout)),
                    null);
        } else if (context.channel().isWritable()) {
            if (welcomed && roundTrips != null && now - pingedNanos > PING_NANOS) {
                pingedNanos = now;
                say(context, now, new Message.Ping(now));
            } else if (now - saidNanos > peerIdleNanos / 3) {
                say(context, now, new Message.KeepAlive());
            }
        }
    }

    private void say(ChannelHandlerContext context, long now, Message message) {
        saidNanos = now;
        context.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
    }

    private void lost(ChannelHandlerContext context, String text, @Nullable Throwable cause) {
        fail(context, new LostException(text, cause));
    }

    private void fail(ChannelHandlerContext context, IOException failure) {
        replies.failed(failure);
        context.close();
    }

    private static long now(ChannelHandlerContext context) {
        return context.executor().ticker().nanoTime();
    }
}
