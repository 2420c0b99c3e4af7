package dev.stillframe.tests.bench;

import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.PrimitiveIterator;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.HdrHistogram.Histogram;

/**
 * A client that sends a server its requests at a fixed rate, whatever becomes of them, and counts
 * the time from when each was due until its answer: what a server owes that stood still is not
 * forgotten. One thread sends, one reads. Nothing is allocated for a request.
 */
final class OpenLoop implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;
    private static final int BATCH = 512;
    private static final long LONGEST_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final long SLOW_NANOS = 5_000_000;

    private final SocketChannel channel;
    private final Subject subject;
    private final long intervalNanos;
    private final long startNanos = System.nanoTime();
    private final Thread sender;
    private final Thread reader;
    private final Histogram waits = new Histogram(LONGEST_NANOS, 3);
    private long slowSecond = -1;
    private int slowSeconds;
    private volatile long lastWaitNanos;
    private volatile boolean over;

    /**
     * What the requests waited that were answered in a span of time.
     *
     * @param slowSeconds seconds in which one waited for more than 5 ms
     */
    record Waits(
            double p50Millis,
            double p99Millis,
            double p999Millis,
            double maxMillis,
            int slowSeconds) {}

    OpenLoop(Subject subject, Path socket) throws IOException {
        this.channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        this.subject = subject;
        this.intervalNanos = TimeUnit.SECONDS.toNanos(1) / subject.requestsPerSecond();
        this.sender =
                Thread.ofPlatform()
                        .name("open-loop-sender")
                        .daemon()
                        .start(() -> untilOver(this::send));
        this.reader =
                Thread.ofPlatform()
                        .name("open-loop-reader")
                        .daemon()
                        .start(() -> untilOver(this::read));
    }

    /** What was waited since the last call, or since the start. */
    Waits take() {
        synchronized (waits) {
            Waits taken =
                    new Waits(
                            waits.getValueAtPercentile(50) / 1e6,
                            waits.getValueAtPercentile(99) / 1e6,
                            waits.getValueAtPercentile(99.9) / 1e6,
                            waits.getMaxValue() / 1e6,
                            slowSeconds);
            waits.reset();
            slowSeconds = 0;
            slowSecond = -1;
            return taken;
        }
    }

    /** Whether the server still owes answers of a time in which it was slow. */
    boolean isBehind() {
        return lastWaitNanos > SLOW_NANOS;
    }

    /** Writes the value of every key once. */
    static void fill(Subject subject, Path socket) throws IOException {
        write(subject, socket, IntStream.range(0, subject.keys()).iterator());
    }

    /** Writes the values of keys, as fast as the server takes them. */
    static void write(Subject subject, Path socket, PrimitiveIterator.OfInt keys)
            throws IOException {
        ByteBuffer out = ByteBuffer.allocateDirect(BUFFER_BYTES);
        ByteBuffer in = ByteBuffer.allocateDirect(BUFFER_BYTES);
        Answers answers = new Answers(subject);
        try (SocketChannel filling = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            for (long sent = 0; keys.hasNext(); ) {
                out.clear();
                for (int i = 0; i < BATCH && keys.hasNext(); i++, sent++) {
                    subject.put(out, keys.nextInt());
                }
                out.flip();
                while (out.hasRemaining()) {
                    filling.write(out);
                }
                for (long complete = 0; complete < sent; complete = answers.take(in.flip())) {
                    if (filling.read(in.clear()) < 0) {
                        throw new EOFException("the server closed the connection");
                    }
                }
            }
        }
    }

    private interface Part {
        void run() throws IOException;
    }

    private void untilOver(Part part) {
        try {
            part.run();
        } catch (IOException e) {
            if (!over) {
                throw new IllegalStateException("the server has gone", e);
            }
        }
    }

    private void send() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        ByteBuffer out = ByteBuffer.allocateDirect(BUFFER_BYTES);
        for (long sent = 0; !over; ) {
            long due = (System.nanoTime() - startNanos) / intervalNanos;
            if (due == sent) {
                LockSupport.parkNanos(intervalNanos / 2);
                continue;
            }
            out.clear();
            for (int i = 0; i < BATCH && sent < due; i++, sent++) {
                subject.put(out, random.nextInt(subject.keys()));
            }
            out.flip();
            while (out.hasRemaining()) {
                channel.write(out);
            }
        }
    }

    private void read() throws IOException {
        ByteBuffer in = ByteBuffer.allocateDirect(BUFFER_BYTES);
        Answers answers = new Answers(subject);
        long answered = 0;
        while (channel.read(in.clear()) >= 0) {
            long now = System.nanoTime();
            long complete = answers.take(in.flip());
            synchronized (waits) {
                for (; answered < complete; answered++) {
                    record(now, now - startNanos - (answered + 1) * intervalNanos);
                }
            }
        }
        throw new EOFException("the server closed the connection");
    }

    private void record(long now, long waited) {
        lastWaitNanos = waited;
        waits.recordValue(Math.clamp(waited, 0, LONGEST_NANOS));
        long second = (now - startNanos) / TimeUnit.SECONDS.toNanos(1);
        if (waited > SLOW_NANOS && second != slowSecond) {
            slowSecond = second;
            slowSeconds++;
        }
    }

    @Override
    public void close() throws IOException {
        over = true;
        channel.close();
        try {
            sender.join();
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // they end all the same, with their channel
        }
    }
}
