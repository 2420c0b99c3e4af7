package dev.stillframe.transport.reader;

import dev.stillframe.engine.page.PageBatch;
import java.io.IOException;

/** Told of what was fetched, on the threads of connections, one call at a time for each lane. */
public interface Arrivals {
    /**
     * All pages of one fetch, each with the hash that came with it, none of them lost.
     *
     * @param pages valid until the return, and not to be released
     * @throws IOException if they are of no use; the lane fails with it
     */
    void arrived(PageBatch pages) throws IOException;

    /** The lane has failed for good: nothing more will come. */
    void failed(IOException cause);
}
