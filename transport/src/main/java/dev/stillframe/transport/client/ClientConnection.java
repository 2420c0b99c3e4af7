package dev.stillframe.transport.client;

import dev.stillframe.engine.image.ParentMissingException;
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
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a receiver, seen from the side that opened it: says the opening, proves the
 * shared key and has it proved, sees to it that the receiver is heard and hears from us. What it is
 * there for is the subclass's. Owned by the event loop.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
public abstract class ClientConnection extends ChannelInboundHandlerAdapter {
    private static final long TICK_MILLIS = 50;

    private final Terms terms;
    private final FrameReader reader;
    private @Nullable Future<?> ticks;
    private long heardNanos;
    private long saidNanos;
    private long peerIdleNanos;
    private byte[] challenge = new byte[0];
    private boolean proved;
    private boolean agreeing;

    /**
     * What is known before anything is said.
     *
     * @param peer the receiver, as one types it
     * @param opening what is said first
     * @param key what the receiver must prove to have; null if it need not
     * @param idleTimeout how long it may be silent
     * @param peerIdleMillis how long the receiver waits, as far as it is known
     */
    public record Terms(
            String peer,
            Message.Opening opening,
            @Nullable PresharedKey key,
            Duration idleTimeout,
            int peerIdleMillis) {}

    /** Not yet connected; batches that come go to {@code memory}. */
    protected ClientConnection(Terms terms, BatchMemory memory) {
        this.terms = terms;
        reader = new FrameReader(memory);
        proved = terms.key() == null;
        peerIdle(terms.peerIdleMillis());
    }

    /** The receiver said something that is not about the connection itself. */
    protected abstract void take(ChannelHandlerContext context, Message message)
            throws ProtocolException;

    /** It is over; maybe told more than once. */
    protected abstract void failed(IOException failure);

    /** Whether it is over. */
    protected abstract boolean hasFailed();

    /** Whether nothing was heard yet that shows a receiver at the other end. */
    protected abstract boolean isFirst();

    /** Whether another connection may do better after this refusal. */
    protected boolean isPassing(ErrorCode code) {
        return code.isPassing();
    }

    /** Some time has passed, and the socket takes more; whether something was said. */
    protected boolean tick(ChannelHandlerContext context, long now) {
        return false;
    }

    /** The receiver, as one types it. */
    protected final String peer() {
        return terms.peer();
    }

    /** How long the receiver waits. */
    protected final void peerIdle(int millis) {
        peerIdleNanos = TimeUnit.MILLISECONDS.toNanos(millis);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        heardNanos = now(context);
        agreeing = context.pipeline().get(SslHandler.class) != null;
        say(context, terms.opening());
        ticks =
                context.executor()
                        .scheduleAtFixedRate(
                                () -> tickSafely(context),
                                TICK_MILLIS,
                                TICK_MILLIS,
                                TimeUnit.MILLISECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            Message read;
            while (!hasFailed() && (read = reader.read(in)) != null) {
                heardNanos = now(context);
                hear(context, read);
            }
        } catch (ProtocolException e) {
            String text =
                    peer() + " does not answer as a Stillframe receiver does: " + e.getMessage();
            fail(
                    context,
                    e.code().isPassing() && !isFirst()
                            ? new LostException(text, e)
                            : new IOException(
                                    text
                                            + "; check the address, the versions, and whether both or none speak TLS",
                                    e));
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
                                .formatted(peer())
                        : "the receiver %s closed the connection without a word; look at its log"
                                .formatted(peer()),
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
        if (trouble == null
                && !(cause
                        instanceof
                        IOException)) { // not the network's: it would be the same the next time
            fail(
                    context,
                    new IOException(
                            "the connection to %s failed in a way that it should not: %s"
                                    .formatted(peer(), cause),
                            cause));
            return;
        }
        lost(
                context,
                trouble == null
                        ? "the connection to %s was lost: %s; look at the network and the receiver's log"
                                .formatted(peer(), cause.getMessage())
                        : "no connection to %s: %s".formatted(peer(), trouble),
                cause);
    }

    private void hear(ChannelHandlerContext context, Message message) throws ProtocolException {
        switch (message) {
            case Message.Challenge(var nonce) -> challenged(context, nonce);
            case Message.Proved(var mac) -> proved(context, mac);
            case Message.Refusal(var code, var text) -> {
                String words =
                        "the receiver %s refused: %s (%s)".formatted(peer(), text, code.tag());
                fail(context, refused(code, words));
            }
            default -> {
                if (proved) {
                    take(context, message);
                } else {
                    fail(
                            context,
                            new IOException(
                                    "the receiver %s does not ask for the shared key, so it has none; start it with the same key, or leave the key out here"
                                            .formatted(peer())));
                }
            }
        }
    }

    private IOException refused(ErrorCode code, String words) {
        if (code == ErrorCode.PARENT) {
            return new ParentMissingException(words, null);
        }
        return isPassing(code) ? new LostException(words, null) : new IOException(words);
    }

    private void challenged(ChannelHandlerContext context, byte[] nonce) {
        PresharedKey key = terms.key();
        if (key == null || challenge.length > 0) {
            fail(
                    context,
                    new IOException(
                            "the receiver %s wants proof of a shared key; give the file with it"
                                    .formatted(peer())));
            return;
        }
        challenge = nonce;
        say(context, new Message.Proof(key.senderProof(nonce, MessageCodec.body(terms.opening()))));
    }

    private void proved(ChannelHandlerContext context, byte[] mac) {
        PresharedKey key = terms.key();
        if (key == null
                || challenge.length == 0
                || !PresharedKey.isSame(
                        mac, key.receiverProof(challenge, MessageCodec.body(terms.opening())))) {
            fail(
                    context,
                    new IOException(
                            "the receiver %s does not have the shared key: it is not the one it should be"
                                    .formatted(peer())));
            return;
        }
        proved = true;
    }

    /** A failure would end the ticks, and with them the deadlines, without a word. */
    private void tickSafely(ChannelHandlerContext context) {
        try {
            tick(context);
        } catch (Throwable t) {
            exceptionCaught(context, t);
        }
    }

    private void tick(ChannelHandlerContext context) {
        long now = now(context);
        if (now - heardNanos > terms.idleTimeout().toNanos()) {
            lost(
                    context,
                    "nothing was heard from the receiver %s for %s; look whether it and the network are alive"
                            .formatted(peer(), Durations.words(terms.idleTimeout())),
                    null);
        } else if (context.channel().isWritable()
                && !tick(context, now)
                && now - saidNanos > peerIdleNanos / 3) {
            say(context, new Message.KeepAlive());
        }
    }

    /** Sends a message. */
    protected final void say(ChannelHandlerContext context, Message message) {
        saidNanos = now(context);
        context.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
    }

    private void lost(ChannelHandlerContext context, String text, @Nullable Throwable cause) {
        fail(context, new LostException(text, cause));
    }

    /** Ends the connection. */
    protected final void fail(ChannelHandlerContext context, IOException failure) {
        failed(failure);
        context.close();
    }

    /** The event loop's clock. */
    protected static long now(ChannelHandlerContext context) {
        return context.executor().ticker().nanoTime();
    }
}
