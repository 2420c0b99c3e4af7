package dev.stillframe.tests.network;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.socket.SocketChannel;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Bytes from one socket to the other, past the faults of their way. Holds one read at most; reads
 * again when that is written and the socket can take more. Owned by the network's thread.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel
final class Direction {
    private final Relay relay;
    private final SocketChannel source;
    private final SocketChannel target;
    private final FaultWalk walk;
    private ByteBuf arrived = Unpooled.EMPTY_BUFFER;
    private @Nullable Future<?> waiting;
    private boolean reading;
    private boolean ended;
    private boolean over;

    Direction(Relay relay, SocketChannel source, SocketChannel target, FaultWalk walk) {
        this.relay = relay;
        this.source = source;
        this.target = target;
        this.walk = walk;
    }

    /** Whether nothing more will come out of it. */
    boolean isOver() {
        return over;
    }

    void arrived(Object message) {
        ByteBuf bytes = (ByteBuf) message;
        reading = false;
        if (over || relay.isSilent()) {
            bytes.release();
            return;
        }
        arrived = bytes; // the one before was passed on, or there would have been no read
        pump();
    }

    /** The source will send nothing more. */
    void finished() {
        reading = false;
        ended = true;
        pump();
    }

    /** Passes on what may pass, until it has to wait. */
    void pump() {
        while (!over && !relay.isSilent() && waiting == null) {
            if (!target.isWritable()) {
                target.flush();
                return; // called again when it is
            }
            switch (walk.next(arrived.readableBytes(), System.nanoTime())) {
                case FaultWalk.Step.Forward(var count) when count == 0 -> {
                    needsMore();
                    return;
                }
                case FaultWalk.Step.Forward(var count) ->
                        target.writeAndFlush(arrived.readRetainedSlice(count));
                case FaultWalk.Step.Flipped(var bit) -> {
                    int turned = arrived.readByte() ^ (1 << bit);
                    target.writeAndFlush(target.alloc().buffer(1).writeByte(turned));
                }
                case FaultWalk.Step.Wait(var nanos) ->
                        waiting =
                                target.eventLoop()
                                        .schedule(this::goOn, nanos, TimeUnit.NANOSECONDS);
                case FaultWalk.Step.Silence _ -> relay.fallSilent();
                case FaultWalk.Step.End(var how) -> end(how);
            }
        }
    }

    private void goOn() {
        waiting = null;
        pump();
    }

    private void needsMore() {
        arrived.release();
        arrived = Unpooled.EMPTY_BUFFER;
        if (ended) {
            over = true;
            shutDownTarget(() -> relay.closeIfBothAreOver());
        } else if (!reading) {
            reading = true;
            source.read();
        }
    }

    /** When all that went before is in the socket. */
    private void end(Fault.Cut.How how) {
        over = true;
        target.writeAndFlush(Unpooled.EMPTY_BUFFER)
                .addListener(
                        _ -> {
                            if (how == Fault.Cut.How.HALF_CLOSE) {
                                shutDownTarget(() -> relay.end(how));
                            } else {
                                relay.end(how);
                            }
                        });
    }

    private void shutDownTarget(Runnable then) {
        target.shutdownOutput().addListener(_ -> then.run());
    }

    /** Nothing more; gives back what it holds. Idempotent. */
    void stop() {
        over = true;
        if (waiting != null) {
            waiting.cancel(false);
            waiting = null;
        }
        arrived.release();
        arrived = Unpooled.EMPTY_BUFFER;
    }
}
