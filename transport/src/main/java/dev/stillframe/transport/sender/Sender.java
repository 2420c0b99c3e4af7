package dev.stillframe.transport.sender;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.image.ParentMissingException;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.transport.client.Backoff;
import dev.stillframe.transport.client.Dialer;
import dev.stillframe.transport.client.Durations;
import dev.stillframe.transport.client.LostException;
import dev.stillframe.transport.encoding.Choice;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.wire.ImageName;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A sink that sends pages to a receiver over several connections, and goes on where it was when
 * they are lost. Pages go from the batch's memory to the socket; a batch is released when the
 * receiver has it on its disk, so up to {@link SenderOptions#retainBytes} are held. While the
 * connections are lost, calls wait until they stand again, or until the limit in the options; a
 * thread {@code stillframe-sender-keeper} sees to it when no call does.
 *
 * <p>A failure is thrown by the call that runs and by all later ones. The calls of {@link PageSink}
 * come from one thread at a time; {@link #abort} and {@link #close} may come from any other at any
 * time and end a call that waits. Time is the registry's clock.
 */
public final class Sender implements PageSink {
    private static final Logger LOG = LoggerFactory.getLogger(Sender.class);
    private static final long CLOSE_SECONDS = 10;

    private final Network network;
    private final Clock clock;
    private final Announced what;
    private final byte[] token = new byte[Limits.TOKEN_BYTES];
    private final Retained retained = new Retained();
    private final Backoff backoff;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private @Nullable Attempt attempt;
    private @Nullable String abortReason;
    private boolean over;
    private volatile @Nullable IOException failure;
    private final Thread keeper;

    /** Held by whoever works on the session: a call, or the keeper. Guards what follows. */
    private final ReentrantLock turn = new ReentrantLock();

    private int attempts;
    private @Nullable LostException firstLoss;
    private byte @Nullable [] layoutJson;
    private int pageSizeBytes;
    private long batches;
    private long pages;
    private byte @Nullable [] missingJson;
    private Message.@Nullable End end;
    private long progress = -1;
    private long progressNanos;

    /**
     * What will be sent.
     *
     * @param imageName what the image shall be called at the receiver
     * @param parent root hash of an image that the receiver has, 64 hexadecimal digits: batches may
     *     say that it has pages ({@link PageKind#IN_PARENT}), which are not sent then; null if
     *     everything comes
     */
    public record Announced(String imageName, @Nullable String parent) {
        /** Checks both. */
        public Announced {
            if (!ImageName.isValid(imageName)) {
                throw new IllegalArgumentException(ImageName.rule());
            }
            if (parent != null && !parent.matches("[0-9a-f]{64}")) {
                throw new IllegalArgumentException("not a root hash: '" + parent + "'");
            }
        }

        private byte[] parentHash() {
            return parent == null ? new byte[RootHash.BYTES] : HexFormat.of().parseHex(parent);
        }
    }

    private Sender(Network network, Announced what) {
        this.network = network;
        this.clock = network.clock();
        this.progressNanos = clock.monotonicTime();
        this.what = what;
        this.backoff = new Backoff(network.random());
        network.random().nextBytes(token);
        keeper = Role.SENDER_KEEPER.unstarted(this::keep);
    }

    /**
     * Connects, and waits until the receiver has said that the image can begin. Does this once:
     * only a session that has begun is worth further attempts.
     *
     * @param receiver where it listens: an {@code InetSocketAddress} or a {@code
     *     UnixDomainSocketAddress}
     * @param what the image
     * @param options how to send
     * @param rate how fast; can be changed while it runs
     * @param registry gets the meters {@code stillframe.transport.*}
     * @throws ParentMissingException if the receiver does not have the parent
     * @throws IOException if there is no receiver, or it does not want the image
     */
    public static Sender connect(
            SocketAddress receiver,
            Announced what,
            SenderOptions options,
            RateLimit rate,
            MeterRegistry registry)
            throws IOException {
        NetworkTransport transport = NetworkTransport.chosen();
        Network network =
                new Network(
                        new Dialer(
                                transport,
                                transport.group(
                                        Math.min(
                                                options.lanes(),
                                                Runtime.getRuntime().availableProcessors()),
                                        "sender"),
                                receiver,
                                options.credentials().tls() == null
                                        ? null
                                        : options.credentials().tls().forSender(),
                                options.timeouts().connect()),
                        options,
                        rate,
                        new Choice(options.preset()),
                        new SenderMetrics(registry),
                        new SecureRandom());
        Sender sender = new Sender(network, what);
        boolean connected = false;
        try {
            sender.open();
            sender.keeper.start();
            connected = true;
            return sender;
        } finally {
            if (!connected) {
                network.dialer().group().shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS);
            }
        }
    }

    /** The same of an image without a parent, called {@code imageName} at the receiver. */
    public static Sender connect(
            SocketAddress receiver,
            String imageName,
            SenderOptions options,
            RateLimit rate,
            MeterRegistry registry)
            throws IOException {
        if (!ImageName.isValid(imageName)) {
            throw new IOException(ImageName.rule());
        }
        return connect(receiver, new Announced(imageName, null), options, rate, registry);
    }

    /** The same without a limit of the rate. */
    public static Sender connect(
            SocketAddress receiver, String imageName, SenderOptions options, MeterRegistry registry)
            throws IOException {
        return connect(receiver, imageName, options, new RateLimit(RateLimit.UNLIMITED), registry);
    }

    @Override
    public void begin(Layout announced) throws IOException {
        byte[] json = Json.MAPPER.writeValueAsBytes(announced);
        takeTurn();
        try {
            pageSizeBytes = announced.pageSizeBytes();
            layoutJson = json;
            trying(_ -> {});
        } finally {
            turn.unlock();
        }
    }

    /**
     * {@inheritDoc} Waits until all that was sent before is durable: lanes have no order, and what
     * is sent again must belong to the layout that is in force.
     */
    @Override
    public void amend(Layout announced) throws IOException {
        byte[] json = Json.MAPPER.writeValueAsBytes(announced);
        takeTurn();
        try {
            trying(this::awaitAllDurable);
            if (!Arrays.equals(json, layoutJson)) {
                layoutJson = json;
                trying(open -> open.amend(json));
            }
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        send(batch, Attempt::transmit);
    }

    /**
     * The same on a connection of its own, ahead of all batches that wait: for pages that somebody
     * is waiting for.
     */
    public void acceptUrgent(PageBatch batch) throws IOException {
        send(batch, (current, item) -> current.transmitUrgently(item, pageSizeBytes));
    }

    /** How a batch goes out. */
    @FunctionalInterface
    private interface Way {
        void transmit(Attempt current, Retained.Item item) throws IOException;
    }

    private void send(PageBatch batch, Way way) throws IOException {
        boolean handed = false;
        boolean mine = false;
        try {
            takeTurn();
            mine = true;
            long bytes = batch.dataBytes();
            Attempt current =
                    trying(
                            open -> {
                                checkSize(open, batch);
                                awaitRoom(open, bytes);
                                open.awaitCredit();
                            });
            for (int run = 0; run < batch.runCount(); run++) {
                pages += batch.pageCount(run);
            }
            Retained.Item item = retained.add(++batches, batch);
            handed = true;
            transmit(way, current, item);
        } finally {
            if (!handed) {
                batch.release();
            }
            if (mine) {
                turn.unlock();
            }
        }
    }

    /** If the attempt is over, the next one sends the batch with all others that are retained. */
    private void transmit(Way way, Attempt current, Retained.Item item) throws IOException {
        try {
            way.transmit(current, item);
        } catch (LostException e) {
            lose(e);
        }
    }

    private void awaitRoom(Attempt open, long bytes) throws IOException {
        long durable = retained.durable();
        while (retained.bytes() > 0 && retained.bytes() + bytes > network.options().retainBytes()
                || batches - durable >= Limits.MAX_AHEAD) {
            open.awaitDurable(durable + 1);
            durable = Math.max(durable + 1, retained.durable());
        }
    }

    /** Each batch has the receiver's patience for itself: a slow disk is not a dead one. */
    private void awaitAllDurable(Attempt open) throws IOException {
        for (long durable = retained.durable(); durable < batches; durable = retained.durable()) {
            open.awaitDurable(durable + 1);
        }
    }

    private void checkSize(Attempt open, PageBatch batch) throws IOException {
        Message.HelloAck limits = open.limits();
        if (batch.dataBytes() > limits.maxDataBytes() || batch.runCount() > limits.maxRuns()) {
            throw new IOException(
                    "a batch of %d runs and %d bytes; the receiver %s takes %d runs and %d bytes"
                            .formatted(
                                    batch.runCount(),
                                    batch.dataBytes(),
                                    network.peer(),
                                    limits.maxRuns(),
                                    limits.maxDataBytes()));
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
        Message.Published[] answer = new Message.Published[1];
        takeTurn();
        try {
            missingJson = json;
            end = new Message.End(batches, pages, ending.rootHash());
            trying(open -> answer[0] = open.awaitPublished());
        } finally {
            turn.unlock();
        }
        if (!Arrays.equals(answer[0].rootHash(), ending.rootHash())) {
            throw new IOException(
                    "the receiver %s published an image with another root hash"
                            .formatted(network.peer()));
        }
        LOG.info(
                "{} published image {} as {}", network.peer(), what.imageName(), answer[0].place());
        end(true);
        return network.peer() + "/" + what.imageName();
    }

    @Override
    public void abort(String reason) {
        Attempt open;
        lock.lock();
        try {
            if (over) {
                return;
            }
            abortReason = reason;
            open = attempt;
        } finally {
            lock.unlock();
        }
        end(false);
        if (open != null) {
            open.abort(reason);
        }
    }

    /** Returns when no memory of a batch is in use any more. */
    @Override
    public void close() {
        abort("the sender was closed");
        Attempt open = running();
        if (open != null) {
            if (abortReason != null) {
                open.awaitFarewell();
            }
            open.close();
        }
        awaitKeeper();
        network.dialer().group().shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS);
        long patience = Attempt.ABORT_MILLIS + TimeUnit.SECONDS.toMillis(CLOSE_SECONDS);
        if (!network.dialer().group().terminationFuture().awaitUninterruptibly(patience)) {
            LOG.error("the threads of the connections to {} did not end", network.peer());
        }
        retained.clear();
    }

    /** It may be connecting, which can take some seconds. */
    private void awaitKeeper() {
        boolean interrupted = false;
        keeper.interrupt();
        while (keeper.isAlive()) {
            try {
                keeper.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Whoever waits for memory that only the receiver can free makes no calls: this goes on then.
     */
    private void keep() {
        try {
            while (awaitLoss()) {
                turn.lockInterruptibly();
                try {
                    openAgain();
                } finally {
                    turn.unlock();
                }
            }
        } catch (InterruptedException e) {
            LOG.debug("the sender was closed", e);
        }
    }

    /**
     * Whatever comes of it, the next call hears of it: it has not its turn before that is known.
     */
    private void openAgain() {
        try {
            trying(_ -> {});
        } catch (IOException e) { // kept by it
            LOG.debug("the connections to {} are lost for good", network.peer(), e);
            retained.clear(); // whoever waits for this memory makes no call before it is free
        } catch (Throwable t) { // nobody else would hear of it
            LOG.error(
                    "the keeper of the connections to {} failed in a way that it should not",
                    network.peer(),
                    t);
            failure =
                    new IOException(
                            "sending to %s failed in a way that it should not: %s"
                                    .formatted(network.peer(), t),
                            t);
            retained.clear();
        }
    }

    /** Waits until the attempt is over and another one is to be made; false at the end of all. */
    private boolean awaitLoss() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!over && (failure != null || attempt == null || !attempt.isOver())) {
                changed.await();
            }
            return !over;
        } finally {
            lock.unlock();
        }
    }

    private final class Watch implements Attempt.Listener {
        @Override
        public void opened(Attempt next) throws IOException {
            lock.lock();
            try {
                checkAborted();
                attempt = next;
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void over() {
            lock.lock();
            try {
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void takeTurn() throws IOException {
        try {
            turn.lockInterruptibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted(e);
        }
    }

    private static IOException interrupted(InterruptedException cause) {
        return (IOException)
                new InterruptedIOException("interrupted while waiting for the receiver")
                        .initCause(cause);
    }

    private void end(boolean isPublished) {
        lock.lock();
        try {
            if (!over) {
                over = true;
                network.metrics().ended(isPublished);
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What can be done again in another attempt. */
    @FunctionalInterface
    private interface Exchange {
        void run(Attempt open) throws IOException;
    }

    /** Does it, in as many attempts as it takes; the attempt in which it was done. */
    private Attempt trying(Exchange exchange) throws IOException {
        IOException before = failure;
        if (before != null) {
            throw new IOException(before.getMessage(), before);
        }
        while (true) {
            try {
                Attempt open = current();
                catchUp(open);
                exchange.run(open);
                return open;
            } catch (LostException e) {
                lose(e);
            } catch (IOException e) {
                failure = e;
                throw e;
            }
        }
    }

    private @Nullable Attempt running() {
        lock.lock();
        try {
            return attempt;
        } finally {
            lock.unlock();
        }
    }

    private Attempt current() throws IOException {
        Attempt open = running();
        if (open != null) {
            open.check();
            return open;
        }
        return open();
    }

    private Attempt open() throws IOException {
        Message.End ending = end;
        Message.Hello hello =
                new Message.Hello(
                        Limits.VERSION,
                        Limits.VERSION,
                        network.options().lanes(),
                        (int) network.options().timeouts().idle().toMillis(),
                        network.options().retainBytes(),
                        retained.durable(),
                        ++attempts,
                        token,
                        network.nonce(),
                        ending == null ? new byte[RootHash.BYTES] : ending.rootHash(),
                        what.parentHash(),
                        what.imageName());
        return Attempt.open(network, hello, retained, new Watch());
    }

    /** Tells a new attempt all that the ones before were told. */
    private void catchUp(Attempt open) throws IOException {
        if (open.isPublished()) {
            return;
        }
        if (layoutJson != null && !open.isBegun()) {
            open.begin(layoutJson, pageSizeBytes);
            for (Retained.Item item : retained.all()) {
                open.awaitCredit();
                open.transmit(item);
                network.metrics().sentAgain(attempts);
            }
        }
        if (missingJson != null && end != null && !open.isEnded()) {
            open.end(missingJson, end);
        }
    }

    /** Ends the attempt and waits for the time of the next one. */
    private void lose(LostException cause) throws IOException {
        Attempt lost;
        lock.lock();
        try {
            lost = attempt;
            attempt = null;
        } finally {
            lock.unlock();
        }
        if (lost != null) {
            lost.close();
        }
        if (noteProgress() || firstLoss == null) {
            firstLoss = cause;
        }
        Duration limit = network.options().giveUpAfter();
        long sinceNanos = clock.monotonicTime() - progressNanos;
        if (limit != null && sinceNanos >= limit.toNanos()) {
            failure = new IOException(farewell(limit, cause, firstLoss), cause);
            throw failure;
        }
        long waitNanos = backoff.nextNanos();
        LOG.warn(
                "image {}: {}; next attempt in {} ms",
                what.imageName(),
                cause.getMessage(),
                TimeUnit.NANOSECONDS.toMillis(waitNanos));
        network.metrics().reconnected();
        rest(waitNanos);
    }

    private static String farewell(Duration limit, LostException last, LostException first) {
        if (limit.isZero()) {
            return String.valueOf(last.getMessage());
        }
        return "given up after %s without progress: %s%s"
                .formatted(
                        Durations.words(limit),
                        last.getMessage(),
                        last == first ? "" : "; it began when " + first.getMessage());
    }

    private boolean noteProgress() {
        long now = retained.durable() + (layoutJson == null ? 0 : 1) + (end == null ? 0 : 1);
        if (now > progress) {
            progress = now;
            progressNanos = clock.monotonicTime();
            backoff.reset();
            return true;
        }
        return false;
    }

    private void rest(long nanos) throws IOException {
        lock.lock();
        try {
            long left = nanos;
            while (left > 0 && !over) {
                left = changed.awaitNanos(left);
            }
            checkAborted();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted(e);
        } finally {
            lock.unlock();
        }
    }

    private void checkAborted() throws IOException {
        if (over) {
            throw new IOException(
                    "the image was given up: "
                            + (abortReason == null ? "it is published" : abortReason));
        }
    }
}
