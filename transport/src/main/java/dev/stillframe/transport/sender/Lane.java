package dev.stillframe.transport.sender;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.wire.BatchFrame;

import io.micrometer.core.instrument.Counter;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * One connection that carries pages. It takes its next batch from the attempt's queue when it has
 * room, so that a fast lane carries more than a slow one. Owned by the channel's event loop.
 */
@SuppressWarnings(
        "FutureReturnValueIgnored") // a write that fails closes the channel, which is noticed
final class Lane {
    private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

    /** Batches handed to the socket: one is being written, the next stands ready. */
    private static final int DEPTH = 2;

    private final Channel channel;
    private final Queue<Retained.Item> queue;
    private final int pageSizeBytes;
    private final RateLimit rate;
    private final SenderMetrics metrics;
    private final Counter laneBytes;
    private int writing;
    private boolean resting;

    Lane(
            Channel channel,
            int number,
            Queue<Retained.Item> queue,
            int pageSizeBytes,
            Network network) {
        this.channel = channel;
        this.queue = queue;
        this.pageSizeBytes = pageSizeBytes;
        this.rate = network.rate();
        this.metrics = network.metrics();
        this.laneBytes = metrics.lane(number);
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
        while (writing < DEPTH && !resting && channel.isActive()) {
            Retained.Item item = queue.poll();
            if (item == null) {
                return;
            }
            if (item.beginWrite()) {
                send(item);
            }
        }
    }

    private void send(Retained.Item item) {
        boolean handed = false;
        try {
            PageBatch batch = item.batch();
            List<ByteBuf> pieces =
                    BatchFrame.of(item.sequence(), batch, pageSizeBytes, channel.alloc());
            long bytes = 0;
            for (ByteBuf piece : pieces) {
                bytes += piece.readableBytes();
            }
            metrics.sent(batch, bytes);
            laneBytes.increment((double) bytes);
            for (ByteBuf piece : pieces.subList(0, pieces.size() - 1)) {
                channel.write(piece, channel.voidPromise());
            }
            writing++;
            handed = true;
            channel.writeAndFlush(pieces.getLast()).addListener(_ -> written(item));
            rest(bytes);
        } finally {
            if (!handed) {
                item.endWrite();
                channel.close();
            }
        }
    }

    private void written(Retained.Item item) {
        writing--;
        item.endWrite();
        pump();
    }

    private void rest(long bytes) {
        long nanos = rate.take(bytes, System.nanoTime());
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
