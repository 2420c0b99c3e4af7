package dev.stillframe.tests.network;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;

/** A receiver with a store on the disk, patient enough for a busy machine and no more. */
final class StoreReceiver implements AutoCloseable {
    /** How long a side waits for a whole frame. */
    static final Duration IDLE = Duration.ofSeconds(3);

    static final ReceiverLimits LIMITS =
            new ReceiverLimits(
                    512,
                    64,
                    8,
                    1 << 20,
                    new ReceiverLimits.Deadlines(IDLE, IDLE, Duration.ofMinutes(10)));

    final MeterRegistry registry = new SimpleMeterRegistry();
    final ImageStore store;
    private final Receiver receiver;

    /** Listens on {@code port}, or on a free one if that is 0. */
    StoreReceiver(Path directory, int port) throws IOException {
        store = ImageStore.open(directory);
        receiver =
                Receiver.start(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                        store::create,
                        LIMITS,
                        registry,
                        ReceiverEvents.NONE);
    }

    InetSocketAddress address() {
        return receiver.address();
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

    private double gauge(String name) {
        return registry.get("stillframe.transport." + name).gauge().value();
    }

    @Override
    public void close() {
        receiver.close();
    }
}
