package dev.stillframe.engine.page;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import java.io.IOException;

/**
 * Where pages go: a local image or a connection. Calls come from one thread: {@code begin}, any
 * number of {@code accept} and {@code amend}, then {@code finish} or {@code abort}, and always
 * {@code close}.
 *
 * <p>Pages may come in rounds, divided by {@code amend}: a page comes at most once in a round, and
 * what came of it last counts. At the end every page of the layout then in force has come.
 */
public interface PageSink extends AutoCloseable {
    /** Announces what will come. */
    void begin(Layout layout) throws IOException;

    /**
     * Takes a batch and its ownership: the sink releases it, at once or when it is written, also
     * when this throws. May block while the sink is slow, but not for ever: a sink has a deadline
     * of its own.
     *
     * @throws IOException also if pages are {@link PageKind#IN_PARENT} and the image has no parent,
     *     or that has something else there; a sink that sends them on may throw that from a later
     *     call
     */
    void accept(PageBatch batch) throws IOException;

    /**
     * Ends a round; from now on {@code layout} is in force. It may have lost pages and won others,
     * but no ordinal that is in both means another address. What comes afterwards comes after all
     * that came before, whatever ways there are to the other end.
     *
     * @throws IOException if it is of another page size, or cannot be told
     */
    void amend(Layout layout) throws IOException;

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
