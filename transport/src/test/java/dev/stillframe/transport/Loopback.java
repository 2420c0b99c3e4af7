package dev.stillframe.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import dev.stillframe.transport.wire.RawPeer;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A receiver on the loopback interface with its sinks in memory. */
public final class Loopback implements AutoCloseable {
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

    /** Meters of the receiver and of the senders. */
    public final MeterRegistry registry = new SimpleMeterRegistry();

    /** Sinks in the order in which they were opened. */
    public final BlockingQueue<MemorySink> sinks = new LinkedBlockingQueue<>();

    /** Events in words. */
    public final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    /** What is under test. */
    public final Receiver receiver;

    private final ReceiverLimits limits;

    /** Starts a receiver with {@code limits}. */
    public Loopback(ReceiverLimits limits) throws IOException {
        this(limits, 0);
    }

    /** The same on a port of which the test knows. */
    public Loopback(ReceiverLimits limits, int port) throws IOException {
        this(limits, port, Credentials.NONE);
    }

    /** The same for those who can prove who they are. */
    public Loopback(ReceiverLimits limits, int port, Credentials credentials) throws IOException {
        this(limits, new InetSocketAddress(InetAddress.getLoopbackAddress(), port), credentials);
    }

    /** The same at any address. */
    public Loopback(ReceiverLimits limits, SocketAddress listen) throws IOException {
        this(limits, listen, Credentials.NONE);
    }

    private Loopback(ReceiverLimits limits, SocketAddress listen, Credentials credentials)
            throws IOException {
        this.limits = limits;
        receiver = Receiver.start(listen, this::sink, limits, credentials, registry, new Told());
    }

    private MemorySink sink(String name, byte[] key, @Nullable String parent, HeapAllowance heap) {
        MemorySink sink = new MemorySink(name);
        sinks.add(sink);
        return sink;
    }

    /** A sender of ours. */
    public Sender connect(String name) throws IOException {
        return connect(name, SenderOptions.DEFAULT);
    }

    /** A sender of ours, with its own patience. */
    public Sender connect(String name, SenderOptions options) throws IOException {
        return Sender.connect(receiver.address(), name, options, registry);
    }

    /** The same with a limit of its rate. */
    public Sender connect(String name, SenderOptions options, RateLimit rate) throws IOException {
        return Sender.connect(receiver.address(), name, options, rate, registry);
    }

    /** Where the receiver listens. */
    public InetSocketAddress address() {
        return (InetSocketAddress) receiver.address();
    }

    /** A peer of the test's. */
    public RawPeer raw() throws IOException {
        return new RawPeer(new Socket(address().getAddress(), address().getPort()));
    }

    /** The next sink that was opened. */
    public MemorySink nextSink() throws InterruptedException {
        MemorySink sink = sinks.poll(20, TimeUnit.SECONDS);
        assertThat(sink).as("a sink").isNotNull();
        return sink;
    }

    /** The next event. */
    public String nextEvent() throws InterruptedException {
        String event = events.poll(20, TimeUnit.SECONDS);
        assertThat(event).as("an event").isNotNull();
        return event;
    }

    /** A good session comes through, and everything that was lent is given back. */
    public void assertServes(Random random) throws Exception {
        SampleImage image = SampleImage.of(100, random);
        try (Sender sender = connect("good")) {
            image.send(sender, 30);
        }
        MemorySink sink = nextSink();
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isEmpty();
        assertThat(sink.isPublished()).isTrue();
        assertThat(sink.pages()).isEqualTo(image.pages());
        await(() -> gauge("memory.bytes") == 0 && gauge("sessions.open") == 0);
        assertThat(limits.maxBatchMemoryBytes()).isPositive();
    }

    /** The value of a gauge of the receiver. */
    public double gauge(String name) {
        return registry.get("stillframe.transport." + name).gauge().value();
    }

    /** Errors that the receiver counted for a code. */
    public double errors(String code) {
        var counter = registry.find("stillframe.transport.errors").tag("code", code).counter();
        return counter == null ? 0 : counter.count();
    }

    /** Waits until {@code condition} holds, at most 20 seconds. */
    public static void await(BooleanSupplier condition) {
        long until = System.nanoTime() + PATIENCE_NANOS;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("the end of the patience").isLessThan(until);
            Thread.onSpinWait();
        }
    }

    @Override
    public void close() {
        receiver.close();
    }

    private final class Told implements ReceiverEvents {
        @Override
        public void started(SessionInfo session, long durable) {
            events.add("started " + session.imageName());
        }

        @Override
        public void published(SessionInfo session, String place) {
            events.add("published " + session.imageName() + " " + place);
        }

        @Override
        public void failed(SessionInfo session, String reason) {
            events.add("failed " + session.imageName() + " " + reason);
        }
    }
}
