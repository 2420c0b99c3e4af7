package dev.stillframe.transport.receiver;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.image.ParentMissingException;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

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
     * @param sessionKey 32 bytes by which the session is known, also after a restart, and which
     *     another parent changes; secret
     * @param parent root hash of the image that has pages which will not come, 64 hexadecimal
     *     digits in lower case; null for none
     * @param heap asked for what the parent takes; lent until the session ends
     * @throws ParentMissingException if the parent is not there
     * @throws IOException if there can be no such image; the message is told to the sender
     */
    PageSink open(String imageName, byte[] sessionKey, @Nullable String parent, HeapAllowance heap)
            throws IOException;

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
