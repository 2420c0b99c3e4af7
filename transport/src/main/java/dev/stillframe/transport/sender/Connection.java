package dev.stillframe.transport.sender;

import dev.stillframe.transport.security.PresharedKey;
import dev.stillframe.transport.security.TlsTrouble;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import dev.stillframe.transport.wire.ProtocolException;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;

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
    private final Message.Opening opening;
    private final @Nullable PresharedKey key;
    private final Replies replies;
    private final Duration idleTimeout;
    private final @Nullable SenderMetrics roundTrips;
    private final FrameReader reader = new FrameReader(BatchMemory.none());
    private @Nullable Future<?> ticks;
    private long heardNanos;
    private long saidNanos;
    private long pingedNanos;
    private long peerIdleNanos;
    private boolean welcomed;
    private byte[] challenge = new byte[0];
    private boolean proved;
    private boolean agreeing;

    /**
     * Not yet connected.
     *
     * @param opening what is said first
     * @param key what the receiver must prove to have; null if it need not
     * @param peerIdleMillis how long the receiver waits, as far as it is known
     * @param roundTrips gets the round-trip times of a control connection; null for a lane
     */
    Connection(
            String peer,
            Message.Opening opening,
            @Nullable PresharedKey key,
            Replies replies,
            Duration idleTimeout,
            int peerIdleMillis,
            @Nullable SenderMetrics roundTrips) {
        this.peer = peer;
        this.opening = opening;
        this.key = key;
        proved = key == null;
        this.replies = replies;
        this.idleTimeout = idleTimeout;
        this.roundTrips = roundTrips;
        peerIdle(peerIdleMillis);
    }

    /** How long the receiver waits. */
    private void peerIdle(int millis) {
        peerIdleNanos = TimeUnit.MILLISECONDS.toNanos(millis);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        heardNanos = now(context);
        saidNanos = heardNanos;
        pingedNanos = heardNanos;
        agreeing = context.pipeline().get(SslHandler.class) != null;
        say(context, saidNanos, opening);
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
                    e.code().isPassing() && !isFirst()
                            ? new LostException(text, e)
                            : new IOException(text + "; check the address, the versions, and whether both or none speak TLS", e));
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
                agreeing
                        ? "the receiver %s closed the connection before TLS was agreed; does it speak TLS? look at its log"
                                .formatted(peer)
                        : "the receiver %s closed the connection without a word; look at its log"
                                .formatted(peer),
                null);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof SslHandshakeCompletionEvent done && done.isSuccess()) {
            agreeing = false;
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        String trouble = TlsTrouble.words(cause);
        lost(
                context,
                trouble == null
                        ? "the connection to %s was lost: %s; look at the network and the receiver's log"
                                .formatted(peer, cause.getMessage())
                        : "no connection to %s: %s".formatted(peer, trouble),
                cause);
    }

    private void take(ChannelHandlerContext context, Message message) throws ProtocolException {
        if (!proved
                && !(message instanceof Message.Challenge
                        || message instanceof Message.Proved
                        || message instanceof Message.Refusal)) {
            fail(
                    context,
                    new IOException(
                            "the receiver %s does not ask for the shared key, so it has none; start it with the same key, or leave the key out here"
                                    .formatted(peer)));
            return;
        }
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
                        isPassing(code)
                                ? new LostException(words, null)
                                : new IOException(words));
            }
            case Message.Challenge(var nonce) -> challenged(context, nonce);
            case Message.Proved(var mac) -> proved(context, mac);
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

    private void challenged(ChannelHandlerContext context, byte[] nonce) {
        if (key == null || challenge.length > 0) {
            fail(
                    context,
                    new IOException(
                            "the receiver %s wants proof of a shared key; give the file with it"
                                    .formatted(peer)));
            return;
        }
        challenge = nonce;
        byte[] proof = key.senderProof(nonce, MessageCodec.body(opening));
        say(context, now(context), new Message.Proof(proof));
    }

    private void proved(ChannelHandlerContext context, byte[] mac) {
        if (key == null
                || challenge.length == 0
                || !PresharedKey.isSame(
                        mac, key.receiverProof(challenge, MessageCodec.body(opening)))) {
            fail(
                    context,
                    new IOException(
                            "the receiver %s does not have the shared key: it is not the one it should be"
                                    .formatted(peer)));
            return;
        }
        proved = true;
    }

    /** Whether nothing was heard yet that shows a receiver at the other end. */
    private boolean isFirst() {
        return !welcomed && opening instanceof Message.Hello hello && hello.attempt() == 1;
    }

    /** A lane that comes too late for its attempt says nothing of the session. */
    private boolean isPassing(ErrorCode code) {
        return code.isPassing() || (code == ErrorCode.GONE && roundTrips == null);
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
