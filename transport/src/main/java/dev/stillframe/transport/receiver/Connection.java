package dev.stillframe.transport.receiver;

import dev.stillframe.transport.security.PeerNames;
import dev.stillframe.transport.security.TlsTrouble;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.io.IOException;
import java.net.SocketAddress;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to a receiver: reads messages for its {@link Party}, watches the deadlines, says
 * the last word. Owned by its event loop, on which all methods but {@link #execute} are called.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Connection extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

    /** How often deadlines are looked at. */
    private static final long TICK_MILLIS = 50;

    /**
     * How long an ended connection reads on, so that its last message is not lost in a reset of the
     * connection.
     */
    private static final long LINGER_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** What a connection is there for: that changes when the peer has said who it is. */
    interface Party extends BatchMemory {
        /** The peer said something. */
        void received(Message message) throws ProtocolException;

        /** The connection is over, whoever ended it; called once. */
        void over(ErrorCode code, String reason);

        /** The socket takes more, or no more. */
        default void writabilityChanged() {}

        /** Some milliseconds have passed. */
        default void tick() {}

        @Override
        default boolean takesDocuments() {
            return false;
        }

        @Override
        default BatchBuffer acquire() throws ProtocolException {
            throw new ProtocolException(ErrorCode.ORDER, "a batch on a connection that is no lane");
        }
    }

    private final Services services;
    private final long number;
    private final ChannelHandlerContext context;
    private final DirectReads reads;
    private final FrameReader reader;
    private final Liveness liveness;
    private final Future<?> ticks;
    private final SocketAddress peer;
    private volatile String identity = "";
    private Party party;
    private boolean known;
    private boolean ended;
    private long endedNanos;

    /** The connection of a channel that is open; to be made on its event loop. */
    Connection(
            Services services,
            long number,
            SocketAddress peer,
            ChannelHandlerContext context,
            DirectReads reads) {
        this.services = services;
        this.number = number;
        this.context = context;
        this.reads = reads;
        this.peer = peer;
        party = new Stranger(services, this);
        reader =
                new FrameReader(
                        new BatchMemory() {
                            @Override
                            public BatchBuffer acquire() throws ProtocolException {
                                return party.acquire();
                            }

                            @Override
                            public Contents contents() throws ProtocolException {
                                return party.contents();
                            }

                            @Override
                            public boolean takesDocuments() {
                                return party.takesDocuments();
                            }
                        });
        reads.attach(reader);
        liveness = new Liveness(context.executor().ticker());
        ticks =
                context.executor()
                        .scheduleAtFixedRate(
                                () -> guarded(this::tick),
                                TICK_MILLIS,
                                TICK_MILLIS,
                                TimeUnit.MILLISECONDS);
    }

    /** Counts the connections of a receiver. */
    long number() {
        return number;
    }

    /** Who is at the other end. */
    SocketAddress peer() {
        return peer;
    }

    /** Who the peer proved to be, for comparison; empty without TLS. On any thread. */
    String identity() {
        return identity;
    }

    /** The names in the peer's certificate; none without TLS. */
    Set<String> names() {
        SslHandler tls = context.pipeline().get(SslHandler.class);
        try {
            return tls == null
                    ? Set.of()
                    : PeerNames.of(
                            (X509Certificate) tls.engine().getSession().getPeerCertificates()[0]);
        } catch (SSLPeerUnverifiedException | CertificateParsingException e) {
            LOG.warn("connection {}: the peer's certificate cannot be read", number, e);
            return Set.of();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ignored, Object event) {
        if (event instanceof SslHandshakeCompletionEvent done && done.isSuccess()) {
            identity = names().toString();
        }
    }

    /**
     * Runs {@code task} on the connection's event loop, which ends with a failure of it; on any
     * thread.
     */
    void execute(Runnable task) {
        context.executor().execute(() -> guarded(task));
    }

    /** The event loop would only log a failure, and stop what it repeats. */
    private void guarded(Runnable task) {
        try {
            task.run();
        } catch (Throwable t) {
            failed(t);
        }
    }

    /** The peer is known: from now on its messages are for {@code next}. */
    void become(Party next, int idleMillis) {
        liveness.expectedWithin(idleMillis);
        party = next;
        if (!known) {
            known = true;
            services.capacity().giveStranger();
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ignored, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            int count = in.readableBytes();
            services.metrics().received(count);
            liveness.came(count);
            if (!ended) {
                take(in, count);
            }
        } catch (ProtocolException e) {
            fail(e.code(), String.valueOf(e.getMessage()));
        } finally {
            in.release();
        }
    }

    private void take(ByteBuf in, int count) throws ProtocolException {
        Message read = reads.isDirect(in) ? reader.written(count) : reader.read(in);
        while (read != null) {
            liveness.cameWhole();
            if (!(read instanceof Message.KeepAlive) || !known) {
                party.received(read);
            }
            if (ended || reads.isDirect(in)) {
                return;
            }
            read = reader.read(in);
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ignored) {
        if (!ended) {
            party.writabilityChanged();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ignored) {
        ticks.cancel(false);
        end(ErrorCode.CUT, "the connection was lost");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ignored, Throwable cause) {
        String tls = TlsTrouble.words(cause);
        if (tls != null) {
            close(known ? ErrorCode.CUT : ErrorCode.IDENTITY, tls);
        } else if (cause instanceof IOException) { // the socket's: a reset, for instance
            end(ErrorCode.CUT, "the connection was lost: " + cause.getMessage());
            context.close();
        } else {
            failed(cause);
        }
    }

    /** Ends the connection because of a failure of ours. */
    void failed(Throwable cause) {
        LOG.error("connection {} failed in a way that it should not", number, cause);
        fail(ErrorCode.INTERNAL, "the receiver failed: " + cause);
    }

    /** Ends the connection with a message to the peer; does nothing if it has ended. */
    void fail(ErrorCode code, String text) {
        if (!ended) {
            end(code, text);
            lastWord(new Message.Refusal(code, text));
        }
    }

    /** Ends the connection without a word. */
    void close(ErrorCode code, String reason) {
        end(code, reason);
        context.close();
    }

    /** Ends the connection with this message; the party knows. */
    void finish(Message last) {
        if (!ended) {
            quiet();
            lastWord(last);
        }
    }

    /** Ends the connection, leaving it to the peer to close it. */
    void finish() {
        if (!ended) {
            quiet();
        }
    }

    /** Says something, unless the connection has ended. */
    void say(Message message) {
        if (!ended) {
            liveness.said();
            write(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
        }
    }

    private ChannelFuture write(ByteBuf last) {
        liveness.given();
        ChannelFuture written = context.writeAndFlush(last);
        written.addListener(_ -> liveness.taken());
        return written;
    }

    /**
     * Sends the pieces of a frame, which are given up; {@code written} runs when they are written,
     * or never will be.
     */
    void send(List<ByteBuf> pieces, Runnable written) {
        if (ended) {
            pieces.forEach(ByteBuf::release);
            written.run();
            return;
        }
        liveness.said();
        for (ByteBuf piece : pieces.subList(0, pieces.size() - 1)) {
            context.write(piece, context.voidPromise());
        }
        write(pieces.getLast()).addListener(_ -> written.run());
    }

    /** Whether what is said now goes out at once. */
    boolean isWritable() {
        return context.channel().isWritable();
    }

    private void tick() {
        if (ended) {
            if (now() - endedNanos > LINGER_NANOS) {
                context.close();
            }
            return;
        }
        @Nullable String overdue = liveness.overdue(services.limits().deadlines(), !known);
        if (overdue != null) {
            fail(ErrorCode.TIMEOUT, overdue);
            return;
        }
        if (liveness.owesWord() && isWritable()) {
            say(new Message.KeepAlive());
        }
        party.tick();
    }

    private void end(ErrorCode code, String reason) {
        if (!ended) {
            quiet();
            services.metrics().failed(code);
            try {
                party.over(code, reason);
            } catch (Throwable t) { // the peer is still to hear its last word
                LOG.error("the end of connection {} failed in a way that it should not", number, t);
            }
        }
    }

    private void quiet() {
        ended = true;
        endedNanos = now();
        reads.detach();
        reader.close();
        if (!known) {
            known = true;
            services.capacity().giveStranger();
        }
    }

    /**
     * Closing at once could reset the connection before the peer has read this: it closes, or the
     * linger ends.
     */
    private void lastWord(Message message) {
        ChannelFuture written =
                context.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
        if (context.channel() instanceof DuplexChannel duplex) {
            written.addListener((ChannelFutureListener) _ -> duplex.shutdownOutput());
        }
    }

    /** The event loop's time. */
    long now() {
        return context.executor().ticker().nanoTime();
    }
}
