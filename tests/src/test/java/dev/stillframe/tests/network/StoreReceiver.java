package dev.stillframe.tests.network;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.page.DurableSink;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.receiver.SinkFactory;
import dev.stillframe.transport.receiver.StoreSinks;
import dev.stillframe.transport.security.Credentials;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** A receiver with a store on the disk, patient enough for a busy machine and no more. */
final class StoreReceiver implements AutoCloseable {
    /** How long a side waits for a whole frame. */
    static final Duration IDLE = Duration.ofSeconds(3);

    static final ReceiverLimits LIMITS =
            new ReceiverLimits(
                    1024,
                    512,
                    64,
                    16,
                    32,
                    64,
                    128 << 20,
                    1 << 20,
                    256 << 20,
                    new ReceiverLimits.Deadlines(IDLE, IDLE, Duration.ofMinutes(10)));

    final MeterRegistry registry = new SimpleMeterRegistry();
    final ImageStore store;
    private final Receiver receiver;

    private StoreReceiver(ImageStore store, SinkFactory sinks, ReceiverLimits limits, int port)
            throws IOException {
        this(store, sinks, limits, port, Credentials.NONE);
    }

    private StoreReceiver(
            ImageStore store,
            SinkFactory sinks,
            ReceiverLimits limits,
            int port,
            Credentials credentials)
            throws IOException {
        this.store = store;
        receiver =
                Receiver.start(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                        sinks,
                        limits,
                        credentials,
                        registry,
                        ReceiverEvents.NONE);
    }

    /** Listens on {@code port}, or on a free one if that is 0. */
    static StoreReceiver on(Path directory, int port) throws IOException {
        ImageStore store = ImageStore.open(directory);
        return new StoreReceiver(store, new StoreSinks(store), LIMITS, port);
    }

    /** The same, for those who have {@code credentials} too. */
    static StoreReceiver on(Path directory, int port, Credentials credentials) throws IOException {
        ImageStore store = ImageStore.open(directory);
        return new StoreReceiver(store, new StoreSinks(store), LIMITS, port, credentials);
    }

    /** The same on a free port, whose images can be read. */
    static StoreReceiver readable(Path directory) throws IOException {
        ImageStore store = ImageStore.open(directory);
        return new StoreReceiver(store, new StoreSinks(store, true), LIMITS, 0);
    }

    /** The same with other limits. */
    static StoreReceiver with(Path directory, ReceiverLimits limits) throws IOException {
        ImageStore store = ImageStore.open(directory);
        return new StoreReceiver(store, new StoreSinks(store), limits, 0);
    }

    /** The same with sinks as the test makes them of those in the store. */
    static StoreReceiver between(Path directory, UnaryOperator<DurableSink> sinks)
            throws IOException {
        ImageStore store = ImageStore.open(directory);
        StoreSinks own = new StoreSinks(store);
        SinkFactory made =
                (name, key, parent, heap) ->
                        sinks.apply((DurableSink) own.open(name, key, parent, heap));
        return new StoreReceiver(store, made, LIMITS, 0);
    }

    /** The same with sinks that wait at their gates. */
    static StoreReceiver gated(Path directory, Gates gates, ReceiverLimits limits)
            throws IOException {
        ImageStore store = ImageStore.open(directory);
        SinkFactory sinks = (name, _, _, _) -> gates.guard(name, store.create(name));
        return new StoreReceiver(store, sinks, limits, 0);
    }

    InetSocketAddress address() {
        return (InetSocketAddress) receiver.address();
    }

    /** Where the image called {@code name} is, if there is one. */
    Path place(String name) {
        return store.directory().resolve(name);
    }

    /** What the receiver says that it holds: connections, sessions, and memory. */
    boolean holdsNothing() {
        return gauge("connections.open") == 0
                && gauge("sessions.open") == 0
                && gauge("memory.bytes") == 0;
    }

    /** Batches that have come. */
    int batches() {
        return (int)
                registry.get("stillframe.transport.batches")
                        .tag("side", "receiver")
                        .counter()
                        .count();
    }

    double gauge(String name) {
        return registry.get("stillframe.transport." + name).gauge().value();
    }

    @Override
    public void close() {
        receiver.close();
    }
}
