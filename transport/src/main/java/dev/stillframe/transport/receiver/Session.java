package dev.stillframe.transport.receiver;

import dev.stillframe.transport.receiver.SessionState.Effect;
import dev.stillframe.transport.receiver.SessionState.Event;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.FrameReader;
import dev.stillframe.transport.wire.Limits;
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

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.net.SocketAddress;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * One connection to a receiver: reads messages, asks {@link SessionState} what they mean, and does
 * it. Owned by the event loop, to which the {@link SessionWorker} hands its results.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Session extends ChannelInboundHandlerAdapter implements SessionWorker.Outcome {
    private static final Logger LOG = LoggerFactory.getLogger(Session.class);

    /** How often deadlines are looked at. */
    private static final long TICK_MILLIS = 50;

    /**
     * How long an ended session reads on, so that its last message is not lost in a reset of the
     * connection.
     */
    private static final long LINGER_NANOS = TimeUnit.SECONDS.toNanos(2);

    /**
     * What all sessions of a receiver use.
     *
     * @param sinks makes the sinks
     * @param limits what a session may take
     * @param capacity what is left of what they share
     * @param metrics counts
     * @param events told of sessions
     */
    record Services(
            SinkFactory sinks,
            ReceiverLimits limits,
            Capacity capacity,
            ReceiverMetrics metrics,
            ReceiverEvents events) {}

    private final Services services;
    private final long number;
    private final ChannelHandlerContext context;
    private final SocketAddress peer;
    private final FrameReader reader = new FrameReader(this::acquire);
    private final Acknowledgements acknowledgements = new Acknowledgements(this::acknowledge);
    private final DocumentParts document;
    private final long startNanos;
    private final Future<?> ticks;
    private SessionState state = new SessionState.AwaitingHello();
    private @Nullable BatchBuffers buffers;
    private @Nullable SessionWorker worker;
    private ReceiverEvents.@Nullable SessionInfo info;
    private byte[] rootHash = new byte[0];
    private long heardNanos;
    private long saidNanos;
    private long endedNanos;
    private long acknowledgedBatches;
    private long saidBatches;
    private long peerIdleNanos = Long.MAX_VALUE;

    /** The session of a channel that is open; to be made on its event loop. */
    Session(Services services, long number, ChannelHandlerContext context) {
        this.services = services;
        this.number = number;
        this.context = context;
        peer = context.channel().remoteAddress();
        document = new DocumentParts(services.capacity);
        startNanos = now();
        heardNanos = startNanos;
        saidNanos = startNanos;
        ticks =
                context.executor()
                        .scheduleAtFixedRate(
                                this::tick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext ignored, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            services.metrics.received(in.readableBytes());
            Message read;
            while (!isEnded() && (read = reader.read(in)) != null) {
                heardNanos = now();
                on(new Event.Received(read));
            }
        } catch (ProtocolException e) {
            fail(e.code(), String.valueOf(e.getMessage()));
        } finally {
            in.release();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ignored) {
        sayAcknowledged();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ignored) {
        ticks.cancel(false);
        if (!isEnded()) {
            end(ErrorCode.CUT, "the connection was lost while the receiver was " + stateName());
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ignored, Throwable cause) {
        if (cause instanceof IOException) { // the socket's: a reset, for instance
            end(ErrorCode.CUT, "the connection was lost: " + cause.getMessage());
            context.close();
        } else {
            LOG.error("session {} failed in a way that it should not", number, cause);
            fail(ErrorCode.INTERNAL, "the receiver failed: " + cause);
        }
    }

    @Override
    public void done(Event event) {
        context.executor().execute(() -> doneOnLoop(event));
    }

    @Override
    public void taken(long sequence) {
        acknowledgements.taken(sequence);
    }

    @Override
    public void failed(ErrorCode code, String text) {
        context.executor().execute(() -> fail(code, text));
    }

    /** Ends the session with a message to the peer; does nothing if it has ended. */
    void fail(ErrorCode code, String text) {
        if (!isEnded()) {
            end(code, text);
            lastWord(new Message.Refusal(code, text));
        }
    }

    private void doneOnLoop(Event event) {
        try {
            if (!isEnded()) {
                on(event);
            }
        } catch (ProtocolException e) {
            fail(e.code(), String.valueOf(e.getMessage()));
        }
    }

    private void on(Event event) throws ProtocolException {
        boolean understood = false;
        try {
            SessionState.Step step = state.on(event, services.limits);
            understood = true;
            state = step.state();
            perform(step.effect());
        } finally {
            if (!understood && event instanceof Event.Received(Message.Batch(var _, var pages))) {
                pages.release();
            }
        }
    }

    private void perform(Effect effect) {
        switch (effect) {
            case Effect.None _ -> {}
            case Effect.Open(var hello) -> open(hello);
            case Effect.Welcome _ -> say(welcome());
            case Effect.Collect(var bytes) -> collect(bytes);
            case Effect.Begin(var bytes) -> {
                if (collect(bytes)) {
                    begun().begin(document.take());
                }
            }
            case Effect.Accepted _ -> say(new Message.BatchAck(0));
            case Effect.Store(var batch) -> {
                services.metrics.received(batch.pages());
                begun().store(batch);
            }
            case Effect.Finish(var end) -> {
                rootHash = end.rootHash();
                begun().finish(document.take(), end);
            }
            case Effect.Announce(var place) -> {
                endWorker("");
                lastWord(new Message.Published(rootHash, place));
            }
            case Effect.Abandon(var reason) -> {
                end(ErrorCode.ABORTED, "the sender gave up: " + reason);
                context.close();
            }
        }
    }

    private void open(Message.Hello hello) {
        if (!services.capacity.hasRoom()) {
            fail(
                    ErrorCode.BUSY,
                    "the receiver has %d sessions, which is the most; try again later"
                            .formatted(services.limits.maxSessions()));
            return;
        }
        peerIdleNanos = TimeUnit.MILLISECONDS.toNanos(hello.idleMillis());
        int window = services.limits.windowBatches();
        buffers = new BatchBuffers(window, acknowledgements::released, services.metrics::memory);
        SessionWorker thread = new SessionWorker("stillframe-session-" + number, window, this);
        services.capacity.add(thread);
        worker = thread;
        ReceiverEvents.SessionInfo told =
                new ReceiverEvents.SessionInfo(
                        number, peer, hello.imageName());
        info = told;
        LOG.info("session {} from {}: image {} begins", number, told.peer(), told.imageName());
        thread.open(services.sinks, hello.imageName(), () -> services.events.started(told));
    }

    private Message welcome() {
        return new Message.HelloAck(
                Limits.VERSION,
                services.limits.windowBatches(),
                Limits.MAX_DATA_BYTES,
                Limits.MAX_RUNS,
                (int) services.limits.deadlines().idle().toMillis(),
                services.limits.maxLayoutBytes());
    }

    private boolean collect(byte[] bytes) {
        boolean hasRoom = document.add(bytes);
        if (!hasRoom) {
            fail(
                    ErrorCode.BUSY,
                    "the receiver has too many large layouts at once; try again later");
        }
        return hasRoom;
    }

    private BatchBuffer acquire() throws ProtocolException {
        if (buffers == null) {
            throw new ProtocolException(ErrorCode.ORDER, "a batch before HELLO");
        }
        return buffers.acquire();
    }

    /** On any thread. */
    private void acknowledge(long sequence) {
        context.executor()
                .execute(
                        () -> {
                            acknowledgedBatches = sequence;
                            sayAcknowledged();
                        });
    }

    /**
     * A peer that does not read gets one acknowledgement for many batches, so that they do not pile
     * up.
     */
    private void sayAcknowledged() {
        if (!isEnded() && acknowledgedBatches > saidBatches && context.channel().isWritable()) {
            saidBatches = acknowledgedBatches;
            say(new Message.BatchAck(saidBatches));
        }
    }

    private void tick() {
        long now = now();
        if (isEnded()) {
            if (now - endedNanos > LINGER_NANOS) {
                context.close();
            }
            return;
        }
        String overdue =
                services.limits
                        .deadlines()
                        .overdue(
                                state instanceof SessionState.AwaitingHello,
                                now - startNanos,
                                now - heardNanos);
        if (overdue != null) {
            fail(ErrorCode.TIMEOUT, overdue);
        } else if (now - saidNanos > peerIdleNanos / 3 && context.channel().isWritable()) {
            say(new Message.KeepAlive());
        }
    }

    /** Everything that an end has to undo, in one place. */
    private void end(ErrorCode code, String reason) {
        if (endedNanos != 0) {
            return;
        }
        LOG.warn(
                "session {} from {} failed while {}: {} ({})",
                number,
                peer,
                stateName(),
                reason,
                code.tag());
        services.metrics.failed(code);
        if (info == null) {
            services.events.failed(
                    new ReceiverEvents.SessionInfo(number, peer, ""),
                    reason);
        }
        endWorker(reason);
    }

    private void endWorker(String reason) {
        state = new SessionState.Ended();
        endedNanos = now();
        reader.close();
        SessionWorker ending = worker;
        ReceiverEvents.SessionInfo told = info;
        BatchBuffers memory = buffers;
        if (ending != null && told != null && memory != null) {
            ending.end(
                    reason,
                    place -> {
                        memory.close();
                        context.executor().execute(() -> giveBack(ending));
                        tell(told, place, reason);
                    });
        } else {
            document.close();
        }
    }

    /** On the worker's thread. */
    private void tell(ReceiverEvents.SessionInfo told, @Nullable String place, String reason) {
        services.metrics.ended(place != null);
        if (place != null) {
            LOG.info("session {} from {}: published {}", number, told.peer(), place);
            services.events.published(told, place);
        } else {
            services.events.failed(told, reason);
        }
    }

    private void giveBack(SessionWorker ended) {
        services.capacity.remove(ended);
        document.close();
    }

    private void say(Message message) {
        saidNanos = now();
        context.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
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

    private boolean isEnded() {
        return state instanceof SessionState.Ended;
    }

    private String stateName() {
        return state.getClass().getSimpleName();
    }

    private SessionWorker begun() {
        if (worker == null) {
            throw new IllegalStateException("no worker in " + state);
        }
        return worker;
    }

    private long now() {
        return context.executor().ticker().nanoTime();
    }
}
