package dev.stillframe.transport.sender;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.encoding.BatchEncoder;
import dev.stillframe.transport.encoding.Choice;
import dev.stillframe.transport.encoding.Encoding;
import dev.stillframe.transport.wire.BatchFrame;
import dev.stillframe.transport.wire.Contents;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Counter;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection that carries pages. It takes its next batch from the attempt's queue when it has
 * room, so that a fast lane carries more than a slow one. Owned by the channel's event loop.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Lane {
    private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

    /** Batches handed to the socket: one is being written, the next stands ready. */
    static final int DEPTH = 2;

    private final Channel channel;
    private final Queue<Retained.Item> queue;
    private final int pageSizeBytes;
    private final RateLimit rate;
    private final SenderMetrics metrics;
    private final Clock clock;
    private final Counter laneBytes;
    private final Choice choice;
    private final int dictionaryBytes;
    private @Nullable BatchEncoder encoder;
    private Choice.Spell spell = Choice.Spell.IDLE;
    private long sinceNanos;
    private int writing;
    private boolean resting;
    private boolean pumping;

    /** {@code dictionaryBytes} are 0 if its batches go as they are. */
    Lane(
            Channel channel,
            int number,
            Queue<Retained.Item> queue,
            int pageSizeBytes,
            int dictionaryBytes,
            Network network) {
        this.channel = channel;
        this.queue = queue;
        this.pageSizeBytes = pageSizeBytes;
        this.rate = network.rate();
        this.metrics = network.metrics();
        this.clock = network.clock();
        this.sinceNanos = clock.monotonicTime();
        this.laneBytes = metrics.lane(number);
        this.dictionaryBytes = dictionaryBytes;
        choice = network.choice();
        channel.closeFuture().addListener(_ -> closeEncoder());
    }

    /** There may be something in the queue; on any thread. */
    void wake() {
        try {
            channel.eventLoop().execute(this::pump);
        } catch (RejectedExecutionException e) { // closed: what was queued is kept by its owner
            LOG.debug("a lane has ended", e);
        }
    }

    private void pump() {
        if (pumping) {
            return; // a write was over at once, inside of this
        }
        pumping = true;
        try {
            spend(spell);
            spell = pumped();
            spend(Choice.Spell.BUSY);
        } catch (Throwable t) { // the event loop would only log it
            channel.pipeline().fireExceptionCaught(t);
        } finally {
            pumping = false;
        }
    }

    private void spend(Choice.Spell what) {
        long now = clock.monotonicTime();
        choice.spent(what, now - sinceNanos);
        sinceNanos = now;
    }

    /** Hands on what there is room for; what the lane does until the next time. */
    private Choice.Spell pumped() {
        while (writing < DEPTH && !resting && channel.isActive()) {
            Retained.Item item = queue.poll();
            if (item == null) {
                return Choice.Spell.IDLE;
            }
            if (item.beginWrite()) {
                send(item);
            }
        }
        return Choice.Spell.WAITING;
    }

    private void send(Retained.Item item) {
        boolean handed = false;
        try {
            PageBatch batch = item.batch();
            List<ByteBuf> pieces = frame(item.sequence(), batch);
            long bytes = 0;
            for (ByteBuf piece : pieces) {
                bytes += piece.readableBytes();
            }
            metrics.sent(batch, bytes);
            laneBytes.increment((double) bytes);
            for (ByteBuf piece : pieces.subList(0, pieces.size() - 1)) {
                channel.write(piece, channel.voidPromise());
            }
            rest(bytes);
            choice.sent(batch.dataBytes());
            writing++;
            handed = true;
            channel.writeAndFlush(pieces.getLast()).addListener(_ -> written(item));
        } finally {
            if (!handed) {
                item.endWrite();
                channel.close();
            }
        }
    }

    private List<ByteBuf> frame(long sequence, PageBatch batch) {
        Encoding how = Encoding.RAW;
        Encoding wish = dictionaryBytes == 0 ? Encoding.RAW : choice.next();
        if (wish != Encoding.RAW && batch.dataBytes() > 0) {
            long startNanos = clock.monotonicTime();
            BatchEncoder encodes = encoder();
            how = encodes.encode(batch, wish);
            metrics.encoded(how, encodes, batch, clock.monotonicTime() - startNanos);
            if (!Contents.arePages(how.code())) {
                return BatchFrame.of(
                        sequence,
                        batch,
                        pageSizeBytes,
                        how.code(),
                        encodes.contents(),
                        channel.alloc());
            }
        }
        return BatchFrame.of(sequence, batch, pageSizeBytes, how.code(), channel.alloc());
    }

    private BatchEncoder encoder() {
        BatchEncoder known = encoder;
        if (known == null) {
            known = new BatchEncoder(dictionaryBytes, pageSizeBytes, DEPTH);
            encoder = known;
        }
        return known;
    }

    private void written(Retained.Item item) {
        writing--;
        try {
            item.endWrite();
        } catch (Throwable t) { // of whoever has the memory; the future would only log it
            channel.pipeline().fireExceptionCaught(t);
        }
        if (channel.isActive()) {
            pump();
        } else {
            closeEncoder();
        }
    }

    /** When the last write is over, whose memory it is. */
    private void closeEncoder() {
        if (writing == 0 && !channel.isActive() && encoder != null) {
            encoder.close();
            encoder = null;
        }
    }

    private void rest(long bytes) {
        long nanos = rate.take(bytes, clock.monotonicTime());
        if (nanos > 0) {
            resting = true;
            channel.eventLoop()
                    .schedule(
                            () -> {
                                resting = false;
                                pump();
                            },
                            nanos,
                            TimeUnit.NANOSECONDS);
        }
    }
}
