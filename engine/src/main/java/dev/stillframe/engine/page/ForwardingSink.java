package dev.stillframe.engine.page;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import java.io.IOException;

/**
 * Hands every call on to another sink and owns it from then on: closing this one closes the other.
 * A subclass overrides what it does differently and hands on by calling {@code super}. It is no
 * {@link DurableSink}, whatever the other is. Threads and errors are those of {@link PageSink}.
 */
public abstract class ForwardingSink implements PageSink {
    private final PageSink next;

    /** In front of {@code next}. */
    protected ForwardingSink(PageSink next) {
        this.next = next;
    }

    @Override
    public void begin(Layout layout) throws IOException {
        next.begin(layout);
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        next.accept(batch);
    }

    @Override
    public void amend(Layout layout) throws IOException {
        next.amend(layout);
    }

    @Override
    public String finish(Ending ending) throws IOException {
        return next.finish(ending);
    }

    @Override
    public void abort(String reason) {
        next.abort(reason);
    }

    @Override
    public void close() {
        next.close();
    }
}
