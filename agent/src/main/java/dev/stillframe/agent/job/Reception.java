package dev.stillframe.agent.job;

import dev.stillframe.engine.image.ImageStore;

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
     * Told what happens; calls come from the receiver's threads, return at once and never throw.
     */
    interface Events {
        /**
         * The image called {@code name} came whole from {@code peer}, was verified and is
         * published.
         */
        void finished(String name, String peer);

        /**
         * The connection to {@code peer} was lost; what has come of the image is kept, and the sender
         * can go on.
         */
        void interrupted(String name, String peer, String reason);

        /**
         * What came from {@code peer} was given up; {@code name} is empty if it was not even told.
         */
        void failed(String name, String peer, String reason);
    }

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
                Events events,
                MeterRegistry registry)
                throws IOException;
    }
}
