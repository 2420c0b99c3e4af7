package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.PageSink;

import java.io.IOException;

/**
 * Makes the sink of a session; {@code ImageStore::create} is one. Called on the sessions' threads.
 */
@FunctionalInterface
public interface SinkFactory {
    /**
     * A sink that checks everything that it is given, page hashes and root hash included.
     *
     * @throws IOException if there can be no such image; the message is told to the sender
     */
    PageSink open(String imageName) throws IOException;
}
