package dev.stillframe.transport.sender;

import dev.stillframe.transport.client.ClientConnection;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.channel.ChannelHandlerContext;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A sender's connection, control or lane: what it hears goes to the {@link Replies}. Owned by the
 * event loop.
 */
final class Connection extends ClientConnection {
    private static final long PING_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Terms terms;
    private final Replies replies;
    private final @Nullable SenderMetrics roundTrips;
    private long pingedNanos;
    private boolean welcomed;

    /**
     * Not yet connected.
     *
     * @param roundTrips gets the round-trip times of a control connection; null for a lane
     */
    Connection(Terms terms, Replies replies, @Nullable SenderMetrics roundTrips) {
        super(terms, BatchMemory.none());
        this.terms = terms;
        this.replies = replies;
        this.roundTrips = roundTrips;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        pingedNanos = now(context);
        super.channelActive(context);
    }

    @Override
    protected void take(ChannelHandlerContext context, Message message) throws ProtocolException {
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
            default ->
                    fail(
                            context,
                            new IOException(
                                    "%s sends what only a sender may (%s); is it a receiver?"
                                            .formatted(
                                                    peer(), message.getClass().getSimpleName())));
        }
    }

    @Override
    protected void failed(IOException failure) {
        replies.failed(failure);
    }

    @Override
    protected boolean hasFailed() {
        return replies.hasFailed();
    }

    @Override
    protected boolean isFirst() {
        return !welcomed && terms.opening() instanceof Message.Hello hello && hello.attempt() == 1;
    }

    /** A lane that comes too late for its attempt says nothing of the session. */
    @Override
    protected boolean isPassing(ErrorCode code) {
        return code.isPassing() || (code == ErrorCode.GONE && roundTrips == null);
    }

    @Override
    protected boolean tick(ChannelHandlerContext context, long now) {
        if (!welcomed || roundTrips == null || now - pingedNanos <= PING_NANOS) {
            return false;
        }
        pingedNanos = now;
        say(context, new Message.Ping(now));
        return true;
    }
}
