package dev.stillframe.transport.sender;

import dev.stillframe.transport.client.Dialer;
import dev.stillframe.transport.client.Durations;
import dev.stillframe.transport.client.LostException;
import dev.stillframe.transport.encoding.BatchEncoder;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One attempt at a session: its connections, and how far it has come. Its calls come from the
 * sender's caller, but {@link #abort} and {@link #close} from anywhere.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Attempt {
    private static final Logger LOG = LoggerFactory.getLogger(Attempt.class);

    /** How long the last word may take to reach a receiver that does not read. */
    static final long ABORT_MILLIS = 2_000;

    /** How long a receiver may publish while it shows that it is alive. */
    private static final Duration LONGEST_PUBLISHING = Duration.ofDays(1);

    private final Network network;
    private final Message.Hello hello;
    private final SenderOptions options;
    private final Replies replies;
    private final List<Channel> channels = new CopyOnWriteArrayList<>();
    private final List<Lane> lanes = new ArrayList<>();
    private final Queue<Retained.Item> queue = new ConcurrentLinkedQueue<>();
    private final Queue<Retained.Item> urgentQueue = new ConcurrentLinkedQueue<>();
    private @Nullable Lane urgentLane;
    private Message.@Nullable HelloAck welcome;
    private boolean begun;
    private byte @Nullable [] inForce;
    private boolean ended;
    private long sent;

    private Attempt(Network network, Message.Hello hello, Replies replies) {
        this.network = network;
        this.hello = hello;
        this.options = network.options();
        this.replies = replies;
    }

    /**
     * Connects, and waits until the receiver has answered.
     *
     * @param listener told of the attempt as soon as it can be aborted, and when it is over
     */
    static Attempt open(Network network, Message.Hello hello, Retained retained, Listener listener)
            throws IOException {
        boolean endSaid = !Arrays.equals(hello.rootHash(), new byte[hello.rootHash().length]);
        Attempt attempt =
                new Attempt(
                        network, hello, new Replies(endSaid, retained::durable, listener::over));
        listener.opened(attempt);
        boolean welcomed = false;
        try {
            network.connect(
                    hello,
                    attempt.replies,
                    Limits.MAX_IDLE_MILLIS,
                    network.metrics(),
                    attempt.channels);
            Duration timeout = attempt.options.timeouts().connect();
            attempt.welcome =
                    attempt.replies.awaitWelcome(
                            timeout,
                            () ->
                                    "%s accepted the connection but did not answer for %s; check that a receiver listens there"
                                            .formatted(network.peer(), Durations.words(timeout)));
            attempt.checkWelcome(retained.durable());
            welcomed = true;
            return attempt;
        } finally {
            if (!welcomed) {
                attempt.close();
            }
        }
    }

    /** Told of an attempt. */
    interface Listener {
        /** It can be aborted from now on. */
        void opened(Attempt attempt) throws IOException;

        /** It has failed; on any thread. */
        void over();
    }

    /** Whether it is over. */
    boolean isOver() {
        return replies.hasFailed();
    }

    private void checkWelcome(long durable) throws IOException {
        if (welcome != null && welcome.version() != Limits.VERSION) {
            throw new IOException(
                    "the receiver %s chose version %d of the protocol, which was not offered"
                            .formatted(network.peer(), welcome.version()));
        }
        if (welcome != null && welcome.lanes() > hello.lanes()) {
            throw new IOException(
                    "the receiver %s wants %d lanes, though %d were asked for"
                            .formatted(network.peer(), welcome.lanes(), hello.lanes()));
        }
        if (welcome != null && welcome.durable() < durable) {
            throw new IOException(
                    "the receiver %s has batches up to %d, though it said %d before"
                            .formatted(network.peer(), welcome.durable(), durable));
        }
    }

    /** Whether the receiver said that the image is there already; nothing else can be done then. */
    boolean isPublished() {
        return welcome == null;
    }

    /** What the receiver takes. */
    Message.HelloAck limits() {
        if (welcome == null) {
            throw new IllegalStateException("the image is published");
        }
        return welcome;
    }

    boolean isBegun() {
        return begun;
    }

    boolean isEnded() {
        return ended;
    }

    /** Fails if the attempt is over. */
    void check() throws IOException {
        replies.check();
    }

    /** Sends the layout, opens the lanes, and waits for both to be accepted. */
    void begin(byte[] layout, int pageSizeBytes) throws IOException {
        sendLayout(layout);
        for (int lane = 1; lane <= limits().lanes(); lane++) {
            lanes.add(attach(lane, queue, pageSizeBytes));
        }
        Duration timeout = options.timeouts().stall();
        replies.awaitAttached(lanes.size(), timeout, () -> stalled("did not take all lanes"));
        replies.awaitBegun(timeout, () -> stalled("did not begin the image"));
        begun = true;
        inForce = layout;
    }

    /**
     * Sends a layout that amends the one in force, unless it is that, and waits until it is
     * accepted; no batch is on its way.
     */
    void amend(byte[] layout) throws IOException {
        if (Arrays.equals(layout, inForce)) {
            return;
        }
        sendLayout(layout);
        replies.awaitBegun(
                options.timeouts().stall(), () -> stalled("did not take the amended layout"));
        inForce = layout;
    }

    private void sendLayout(byte[] layout) throws IOException {
        long most = Math.min(limits().maxLayoutBytes(), Limits.MAX_DOCUMENT_BYTES);
        if (layout.length > most) {
            throw new IOException(
                    "the layout has %d bytes, the receiver %s takes %d; write to a local image instead"
                            .formatted(layout.length, network.peer(), most));
        }
        replies.sendingLayout();
        sendDocument(layout, Message.LayoutPart::new);
    }

    private Lane attach(int number, Queue<Retained.Item> from, int pageSizeBytes)
            throws IOException {
        Message.Attach attach =
                new Message.Attach(
                        limits().version(),
                        number,
                        hello.attempt(),
                        hello.idleMillis(),
                        hello.token(),
                        network.nonce());
        Channel channel = network.connect(attach, replies, limits().idleMillis(), null, channels);
        return new Lane(
                channel,
                number,
                from,
                pageSizeBytes,
                number == Limits.URGENT_LANE ? 0 : dictionaryBytes(),
                network);
    }

    /**
     * What the receiver offered, or 0 if all lanes together would take more memory than is for it:
     * pages go as they are then.
     */
    private int dictionaryBytes() {
        int offered = limits().dictionaryBytes();
        boolean fits =
                limits().lanes() * BatchEncoder.memoryBytes(offered, Lane.DEPTH)
                        <= options.encodingBytes();
        if (!fits) {
            LOG.debug(
                    "{} lanes with dictionaries of {} bytes would take more than the {} bytes for encoding",
                    limits().lanes(),
                    offered,
                    options.encodingBytes());
        }
        return fits ? offered : 0;
    }

    /** Waits until one more batch may be sent. */
    void awaitCredit() throws IOException {
        long startNanos = network.clock().monotonicTime();
        if (replies.awaitCredit(
                sent + 1, options.timeouts().stall(), () -> stalled("took no pages"))) {
            network.metrics().waitedForCredit(network.clock().monotonicTime() - startNanos);
        }
    }

    /** Waits until the receiver has made batches durable up to {@code sequence}. */
    void awaitDurable(long sequence) throws IOException {
        long startNanos = network.clock().monotonicTime();
        if (replies.awaitDurable(
                sequence, options.timeouts().stall(), () -> stalled("made no pages durable"))) {
            network.metrics().waitedForDisk(network.clock().monotonicTime() - startNanos);
        }
    }

    /** Sends a batch when a lane has room for it; there is credit. Does not wait. */
    void transmit(Retained.Item item) {
        sent++;
        replies.sending(item.sequence());
        queue.add(item);
        lanes.forEach(Lane::wake);
    }

    /** The same on the urgent lane. Waits until that is open. */
    void transmitUrgently(Retained.Item item, int pageSizeBytes) throws IOException {
        sent++;
        replies.sending(item.sequence());
        urgentQueue.add(item);
        if (urgentLane == null) {
            urgentLane = attach(Limits.URGENT_LANE, urgentQueue, pageSizeBytes);
            replies.awaitAttached(
                    lanes.size() + 1,
                    options.timeouts().stall(),
                    () -> stalled("did not take the urgent lane"));
        }
        urgentLane.wake();
    }

    /** Says that all has been sent. */
    void end(byte[] missing, Message.End end) throws IOException {
        sendDocument(missing, Message.MissingPart::new);
        replies.ending();
        say(end);
        ended = true;
    }

    Message.Published awaitPublished() throws IOException {
        return replies.awaitPublished(
                LONGEST_PUBLISHING, () -> stalled("did not publish the image"));
    }

    /** Tells the receiver that there will be no further attempt, and closes. */
    void abort(String reason) {
        replies.failed(new IOException("the image was given up: " + reason));
        List<Channel> open = List.copyOf(channels);
        try {
            for (Channel channel : open) {
                channel.eventLoop()
                        .schedule(() -> channel.close(), ABORT_MILLIS, TimeUnit.MILLISECONDS);
            }
            if (!open.isEmpty()) {
                open.getFirst()
                        .writeAndFlush(
                                Unpooled.wrappedBuffer(
                                        MessageCodec.frame(new Message.Abort(reason))));
            }
        } catch (RejectedExecutionException e) { // closed before: there is nobody to tell
            LOG.debug("{} was not told: {}", network.peer(), reason, e);
        }
    }

    /** Waits until the receiver has closed the control connection, because it was told to. */
    void awaitFarewell() {
        if (!channels.isEmpty()
                && !channels.getFirst().closeFuture().awaitUninterruptibly(2 * ABORT_MILLIS)) {
            LOG.error("the connection to {} does not close", network.peer());
        }
    }

    /** Closes all connections and waits until they are. */
    void close() {
        for (Channel channel : channels) {
            channel.close();
        }
        for (Channel channel : channels) {
            if (!channel.closeFuture().awaitUninterruptibly(ABORT_MILLIS)) {
                LOG.error("a connection to {} could not be closed", network.peer());
            }
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
            if (!Dialer.await(written, options.timeouts().stall())) {
                replies.failed(new LostException(stalled("took no document"), null));
            }
            replies.check();
        }
    }

    /** A write that fails closes the channel, which fails the replies. */
    private ChannelFuture say(Message message) throws IOException {
        try {
            return channels.getFirst()
                    .writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(message)));
        } catch (RejectedExecutionException e) {
            throw new LostException("the connection to %s is closed".formatted(network.peer()), e);
        }
    }

    private String stalled(String what) {
        return "the receiver %s %s for %s; look at its disk and the network, or allow more time"
                .formatted(network.peer(), what, Durations.words(options.timeouts().stall()));
    }
}
