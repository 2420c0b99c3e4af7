package dev.stillframe.agent.job;

import dev.stillframe.engine.page.PageSink;

import io.micrometer.core.instrument.MeterRegistry;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;

/** Where an image goes. */
public sealed interface Destination {
    /** To a directory of this host, which does not exist yet. */
    record Local(Path image) implements Destination {}

    /**
     * To a receiver.
     *
     * @param receiver its address
     * @param name the name that the image gets there
     */
    record Remote(InetSocketAddress receiver, String name) implements Destination {}

    /** Opens the way there: the image format and the transport, or a fake in tests. */
    @FunctionalInterface
    interface Opener {
        /**
         * Opens it; the caller closes it.
         *
         * @param timeout how long the other end may take for anything
         * @throws IOException if it cannot be opened; nothing was left behind
         */
        PageSink open(Destination destination, Duration timeout, MeterRegistry registry)
                throws IOException;
    }
}
