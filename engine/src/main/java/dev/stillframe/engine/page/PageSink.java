package dev.stillframe.engine.page;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import java.io.IOException;

/**
 * Where pages go: a local image or a connection. Calls come from one thread: {@code begin}, any
 * number of {@code accept}, then {@code finish} or {@code abort}, and always {@code close}.
 */
public interface PageSink extends AutoCloseable {
    /** Announces what will come. */
    void begin(Layout layout) throws IOException;

    /**
     * Takes a batch and its ownership: the sink releases it, at once or when it is written, also
     * when this throws. May block while the sink is slow, but not for ever: a sink has a deadline
     * of its own. Every page of the layout arrives exactly once.
     */
    void accept(PageBatch batch) throws IOException;

    /**
     * Completes the image: all pages durable, verified against {@code ending}, published.
     *
     * @return where it was published
     * @throws IOException if any of that fails; nothing is published then
     */
    String finish(Ending ending) throws IOException;

    /**
     * Gives up; nothing is published. {@code reason} is told to whoever is at the other end.
     * Idempotent.
     */
    void abort(String reason);

    /**
     * Releases everything; without a successful {@code finish}, the same as an abort. Idempotent.
     */
    @Override
    void close();
}
