package dev.stillframe.transport.sender;

import dev.stillframe.engine.page.Ending;
import dev.stillframe.engine.page.Json;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.wire.BatchFrame;
import dev.stillframe.transport.wire.ImageName;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * A sink that sends pages to a receiver. Pages go from the batch's memory to the socket; a batch is
 * released on the thread {@code stillframe-sender} when it is written or the session has failed. At
 * most the receiver's window is on the way, so that is also the most memory of batches that is
 * held.
 *
 * <p>A failure of the connection or of the receiver is thrown by the call that runs and by all
 * later ones. The calls of {@link PageSink} come from one thread at a time; {@link #abort} and
 * {@link #close} may come from any other at any time and end a call that waits.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
public final class Sender implements PageSink {
    private static final Logger LOG = LoggerFactory.getLogger(Sender.class);

    /** How long the last word may take to reach a receiver that does not read. */
    private static final long ABORT_MILLIS = 2_000;

    private static final long CLOSE_SECONDS = 10;

    private final EventLoopGroup group;
    private final Channel channel;
    private final String peer;
    private final String imageName;
    private final SenderOptions options;
    private final Replies replies;
    private final SenderMetrics metrics;
    private final AtomicBoolean over = new AtomicBoolean();
    private Message.@Nullable HelloAck welcome;
    private @Nullable Layout layout;
    private long batches;
    private long pages;
    private volatile boolean published;

    private Sender(Start start, Channel channel, Replies replies, SenderMetrics metrics) {
        this.group = start.group;
        this.peer = start.peer;
        this.imageName = start.imageName;
        this.options = start.options;
        this.channel = channel;
        this.replies = replies;
        this.metrics = metrics;
    }

    private record Start(
            EventLoopGroup group, String peer, String imageName, SenderOptions options) {}

    /**
     * Connects, and waits until the receiver has said that the image can begin.
     *
     * @param receiver where it listens
     * @param imageName what the image shall be called there
     * @param options how long to wait
     * @param registry gets the meters {@code stillframe.transport.*}
     * @throws IOException if there is no receiver, or it does not want the image
     */
    public static Sender connect(
            InetSocketAddress receiver,
            String imageName,
            SenderOptions options,
            MeterRegistry registry)
            throws IOException {
        if (!ImageName.isValid(imageName)) {
            throw new IOException(ImageName.rule());
        }
        EventLoopGroup group =
                new MultiThreadIoEventLoopGroup(
                        1,
                        (ThreadFactory) task -> new Thread(task, "stillframe-sender"),
                        NioIoHandler.newFactory());
        Start start = new Start(group, words(receiver), imageName, options);
        boolean connected = false;
        try {
            Replies replies = new Replies();
            Channel channel = open(start, receiver, replies);
            Sender sender = new Sender(start, channel, replies, new SenderMetrics(registry));
            sender.greet();
            connected = true;
            return sender;
        } finally {
            if (!connected) {
                group.shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS);
            }
        }
    }

    private static Channel open(Start start, InetSocketAddress receiver, Replies replies)
            throws IOException {
        ChannelFuture connecting =
                new Bootstrap()
                        .group(start.group)
                        .channel(NioSocketChannel.class)
                        .option(ChannelOption.TCP_NODELAY, true)
                        .option(
                                ChannelOption.CONNECT_TIMEOUT_MILLIS,
                                (int) start.options.connectTimeout().toMillis())
                        .handler(new Connection(start.peer, replies, start.options.idleTimeout()))
                        .connect(receiver)
                        .awaitUninterruptibly();
        if (!connecting.isSuccess()) {
            Throwable cause = connecting.cause();
            throw new IOException(
                    "cannot connect to %s: %s; check the address, that a receiver listens there, and firewalls"
                            .formatted(start.peer, cause.getMessage()),
                    cause);
        }
        return connecting.channel();
    }

    private void greet() throws IOException {
        int idleMillis = (int) options.idleTimeout().toMillis();
        say(new Message.Hello(Limits.VERSION, Limits.VERSION, 0, 1, idleMillis, imageName));
        Duration timeout = options.connectTimeout();
        Message.HelloAck ack =
                replies.awaitWelcome(
                        timeout,
                        () ->
                                "%s accepted the connection but did not answer for %s; check that a receiver listens there"
                                        .formatted(peer, Durations.words(timeout)));
        if (ack.version() != Limits.VERSION) {
            throw new IOException(
                    "the receiver %s chose version %d of the protocol, which was not offered"
                            .formatted(peer, ack.version()));
        }
        welcome = ack;
    }

    @Override
    public void begin(Layout announced) throws IOException {
        layout = announced;
        byte[] json = Json.MAPPER.writeValueAsBytes(announced);
        long most = Math.min(welcome().maxLayoutBytes(), Limits.MAX_DOCUMENT_BYTES);
        if (json.length > most) {
            throw new IOException(
                    "the layout has %d bytes, the receiver %s takes %d; write to a local image instead"
                            .formatted(json.length, peer, most));
        }
        replies.sending(0);
        sendDocument(json, Message.LayoutPart::new);
        replies.awaitAcknowledged(
                0, options.stallTimeout(), () -> stalled("did not begin the image"));
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        boolean handed = false;
        try {
            checkSize(batch);
            awaitWindow();
            long sequence = batches + 1;
            List<ByteBuf> pieces =
                    BatchFrame.of(sequence, batch, layout().pageSizeBytes(), channel.alloc());
            long frameBytes = 0;
            for (ByteBuf piece : pieces) {
                frameBytes += piece.readableBytes();
            }
            metrics.sent(batch, frameBytes);
            for (int run = 0; run < batch.runCount(); run++) {
                pages += batch.pageCount(run);
            }
            batches = sequence;
            replies.sending(sequence);
            write(pieces, batch);
            handed = true;
        } finally {
            if (!handed) {
                batch.release();
            }
        }
    }

    @Override
    public String finish(Ending ending) throws IOException {
        byte[] json = Json.MAPPER.writeValueAsBytes(ending.missing());
        if (json.length > Limits.MAX_DOCUMENT_BYTES) {
            throw new IOException(
                    "the list of what is missing has %d bytes; the protocol takes %d"
                            .formatted(json.length, Limits.MAX_DOCUMENT_BYTES));
        }
        sendDocument(json, Message.MissingPart::new);
        replies.ending();
        say(new Message.End(batches, pages, ending.rootHash()));
        Message.Published answer =
                replies.awaitPublished(
                        options.finishTimeout(),
                        () ->
                                ("the receiver %s did not publish the image within %s; look at its"
                                     + " disk, and there for the image, which may yet appear")
                                        .formatted(peer, Durations.words(options.finishTimeout())));
        if (!Arrays.equals(answer.rootHash(), ending.rootHash())) {
            throw new IOException(
                    "the receiver %s published an image with another root hash".formatted(peer));
        }
        LOG.info("{} published image {} as {}", peer, imageName, answer.place());
        end(true);
        return peer + "/" + imageName;
    }

    @Override
    public void abort(String reason) {
        if (end(false)) {
            replies.failed(new IOException("the image was given up: " + reason));
            try {
                ByteBuf frame =
                        Unpooled.wrappedBuffer(MessageCodec.frame(new Message.Abort(reason)));
                channel.writeAndFlush(frame).addListener(ChannelFutureListener.CLOSE);
                channel.eventLoop()
                        .schedule(() -> channel.close(), ABORT_MILLIS, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) { // closed before: there is nobody to tell
                LOG.debug("{} was not told: {}", peer, reason, e);
            }
        }
    }

    /** Returns when no memory of a batch is in use any more. */
    @Override
    public void close() {
        abort("the sender was closed");
        if (published) {
            channel.close();
        }
        long patience = ABORT_MILLIS + TimeUnit.SECONDS.toMillis(CLOSE_SECONDS);
        if (!channel.closeFuture().awaitUninterruptibly(patience)) {
            LOG.error("the connection to {} could not be closed", peer);
        }
        group.shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS);
        if (!group.terminationFuture().awaitUninterruptibly(patience)) {
            LOG.error("the thread of the connection to {} did not end", peer);
        }
    }

    /** Whether it ends now and had not before. */
    private boolean end(boolean isPublished) {
        boolean first = over.compareAndSet(false, true);
        if (first) {
            published = isPublished;
            metrics.ended(isPublished);
        }
        return first;
    }

    private void checkSize(PageBatch batch) throws IOException {
        Message.HelloAck limits = welcome();
        if (batch.dataBytes() > limits.maxDataBytes() || batch.runCount() > limits.maxRuns()) {
            throw new IOException(
                    "a batch of %d runs and %d bytes; the receiver %s takes %d runs and %d bytes"
                            .formatted(
                                    batch.runCount(),
                                    batch.dataBytes(),
                                    peer,
                                    limits.maxRuns(),
                                    limits.maxDataBytes()));
        }
    }

    /** Waits until one more batch may be on the way. */
    private void awaitWindow() throws IOException {
        long startNanos = System.nanoTime();
        long needed = Math.max(0, batches + 1 - welcome().windowBatches());
        if (replies.awaitAcknowledged(
                needed, options.stallTimeout(), () -> stalled("took no pages"))) {
            metrics.stalled(System.nanoTime() - startNanos);
        }
    }

    private String stalled(String what) {
        return "the receiver %s %s for %s (%d batches sent, %d taken); look at its disk and the network, or allow more time"
                .formatted(
                        peer,
                        what,
                        Durations.words(options.stallTimeout()),
                        batches,
                        Math.max(0, replies.acknowledged()));
    }

    private void write(List<ByteBuf> pieces, PageBatch batch) throws IOException {
        ByteBuf last = pieces.removeLast();
        try {
            channel.eventLoop()
                    .execute(
                            () -> {
                                for (ByteBuf piece : pieces) {
                                    channel.write(piece, channel.voidPromise());
                                }
                                channel.writeAndFlush(last).addListener(_ -> batch.release());
                            });
        } catch (RejectedExecutionException e) {
            pieces.forEach(ByteBuf::release);
            last.release();
            throw new IOException("the connection to %s is closed".formatted(peer), e);
        }
    }

    /** Part by part, each written before the next is made, so that little is in memory twice. */
    private void sendDocument(byte[] json, Function<Message.Part, Message> message)
            throws IOException {
        for (int offset = 0; offset < json.length; offset += Limits.PART_BYTES) {
            int end = Math.min(json.length, offset + Limits.PART_BYTES);
            byte[] bytes = Arrays.copyOfRange(json, offset, end);
            ChannelFuture written =
                    say(message.apply(new Message.Part(json.length, offset, bytes)));
            if (!written.awaitUninterruptibly(options.stallTimeout().toMillis())) {
                replies.failed(new IOException(stalled("took no document")));
            }
            replies.check();
        }
    }

    /** A write that fails closes the channel, which fails the replies. */
    private ChannelFuture say(Message message) throws IOException {
        try {
            return channel.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
        } catch (RejectedExecutionException e) {
            throw new IOException("the connection to %s is closed".formatted(peer), e);
        }
    }

    private Message.HelloAck welcome() {
        if (welcome == null) {
            throw new IllegalStateException("not connected");
        }
        return welcome;
    }

    private Layout layout() {
        if (layout == null) {
            throw new IllegalStateException("begin comes first");
        }
        return layout;
    }

    /** {@code HOST:PORT}; IPv6 addresses in brackets. */
    private static String words(InetSocketAddress address) {
        String host = address.getHostString();
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.getPort();
    }
}
