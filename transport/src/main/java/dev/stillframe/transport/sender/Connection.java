package dev.stillframe.transport.sender;

import dev.stillframe.transport.wire.BatchMemory;
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
 * The sender's end of the connection: hands what comes to {@link Replies}, says that the sender is
 * alive, and notices when the receiver is not. Owned by the event loop.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Connection extends ChannelInboundHandlerAdapter {
    private static final long TICK_MILLIS = 50;

    private final String peer;
    private final Replies replies;
    private final Duration idleTimeout;
    private final FrameReader reader = new FrameReader(BatchMemory.none());
    private @Nullable Future<?> ticks;
    private long heardNanos;
    private long saidNanos;
    private long peerIdleNanos = Long.MAX_VALUE;

    Connection(String peer, Replies replies, Duration idleTimeout) {
        this.peer = peer;
        this.replies = replies;
        this.idleTimeout = idleTimeout;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        heardNanos = now(context);
        saidNanos = heardNanos;
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
            fail(
                    context,
                    "%s does not answer as a Stillframe receiver does: %s; check the address and the versions"
                            .formatted(peer, e.getMessage()),
                    e);
        } finally {
            in.release();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        if (ticks != null) {
            ticks.cancel(false);
        }
        fail(
                context,
                "the receiver %s closed the connection without a word; look at its log"
                        .formatted(peer),
                null);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        fail(
                context,
                "the connection to %s was lost: %s; look at the network and the receiver's log"
                        .formatted(peer, cause.getMessage()),
                cause);
    }

    private void take(ChannelHandlerContext context, Message message) throws ProtocolException {
        switch (message) {
            case Message.HelloAck ack -> {
                peerIdleNanos = TimeUnit.MILLISECONDS.toNanos(ack.idleMillis());
                replies.welcomed(ack);
            }
            case Message.BatchAck(var sequence) -> replies.acknowledged(sequence);
            case Message.Published published -> replies.published(published);
            case Message.KeepAlive _ -> {} // heard
            case Message.Refusal(var code, var text) ->
                    fail(
                            context,
                            "the receiver %s refused the image: %s (%s)"
                                    .formatted(peer, text, code.tag()),
                            null);
            case Message.Hello _,
                    Message.LayoutPart _,
                    Message.Batch _,
                    Message.MissingPart _,
                    Message.End _,
                    Message.Abort _ ->
                    fail(
                            context,
                            "%s sends what only a sender may (%s); is it a receiver?"
                                    .formatted(peer, message.getClass().getSimpleName()),
                            null);
        }
    }

    private void tick(ChannelHandlerContext context) {
        long now = now(context);
        if (now - heardNanos > idleTimeout.toNanos()) {
            fail(
                    context,
                    "nothing was heard from the receiver %s for %s; look whether it and the network are alive"
                            .formatted(peer, Durations.words(idleTimeout)),
                    null);
        } else if (now - saidNanos > peerIdleNanos / 3 && context.channel().isWritable()) {
            saidNanos = now;
            context.writeAndFlush(
                    Unpooled.wrappedBuffer(MessageCodec.frame(new Message.KeepAlive())));
        }
    }

    private void fail(ChannelHandlerContext context, String text, @Nullable Throwable cause) {
        replies.failed(new IOException(text, cause));
        context.close();
    }

    private static long now(ChannelHandlerContext context) {
        return context.executor().ticker().nanoTime();
    }
}
