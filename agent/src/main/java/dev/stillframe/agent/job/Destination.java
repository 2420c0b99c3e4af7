package dev.stillframe.agent.job;

import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where an image goes. */
public sealed interface Destination {
    /**
     * To a directory of this host, which does not exist yet.
     *
     * @param parent an image whose pages are not stored again; null for none
     */
    record Local(Path image, @Nullable Path parent) implements Destination {
        /** An image that stands alone. */
        public Local(Path image) {
            this(image, null);
        }
    }

    /**
     * To a receiver.
     *
     * @param receiver its address
     * @param name the name that the image gets there
     * @param options how it is sent
     * @param rate how fast
     */
    record Remote(SocketAddress receiver, String name, SenderOptions options, RateLimit rate)
            implements Destination {
        /** With the usual options, as fast as it goes. */
        public Remote(SocketAddress receiver, String name) {
            this(receiver, name, SenderOptions.DEFAULT, new RateLimit(RateLimit.UNLIMITED));
        }
    }

    /** Opens the way there: the image format and the transport, or a fake in tests. */
    @FunctionalInterface
    interface Opener {
        /**
         * Opens it; the caller closes it.
         *
         * @throws IOException if it cannot be opened; nothing was left behind
         */
        PageSink open(Destination destination, MeterRegistry registry) throws IOException;
    }
}
