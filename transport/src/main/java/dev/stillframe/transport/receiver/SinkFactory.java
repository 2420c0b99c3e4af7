package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Makes the sinks of sessions; see {@link StoreSinks}. Called on the sessions' threads. Pages have
 * been checked against their hashes before they reach a sink.
 */
@FunctionalInterface
public interface SinkFactory {
    /**
     * A sink for a session, or the one that the session had. Sinks that are not {@link
     * dev.stillframe.engine.page.DurableSink} end with their connections.
     *
     * @param imageName a valid name
     * @param sessionKey 32 bytes by which the session is known, also after a restart; secret
     * @throws IOException if there can be no such image; the message is told to the sender
     */
    PageSink open(String imageName, byte[] sessionKey) throws IOException;

    /** Where the image is, if it is published already and has that root hash. */
    default Optional<String> published(String imageName, byte[] rootHash) throws IOException {
        return Optional.empty();
    }

    /**
     * The published image of that valid name, for whoever wants to read it; empty if there is none
     * to be read.
     */
    default Optional<Path> readable(String imageName) throws IOException {
        return Optional.empty();
    }
}
