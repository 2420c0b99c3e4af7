package dev.stillframe.agent.job;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.security.Credentials;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.SocketAddress;

/** A receiver that is running. Thread-safe. */
public interface Reception extends AutoCloseable {
    /** Where it listens, with the port that the system chose if 0 was asked for. */
    SocketAddress address();

    /** Stops listening, gives up what is being received, and waits for its threads. Idempotent. */
    @Override
    void close();

    /**
     * Where images go.
     *
     * @param readable whether whoever may send may also read them
     */
    record Shelf(ImageStore store, boolean readable) {}

    /** Starts one: the transport, or a fake in tests. */
    @FunctionalInterface
    interface Starter {
        /**
         * Listens and receives until it is closed.
         *
         * @throws IOException if it cannot listen there
         */
        Reception start(
                SocketAddress listen,
                Shelf shelf,
                Credentials credentials,
                ReceiverEvents events,
                MeterRegistry registry)
                throws IOException;
    }
}
