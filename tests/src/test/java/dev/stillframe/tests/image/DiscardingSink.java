package dev.stillframe.tests.image;

import dev.stillframe.engine.page.Ending;
import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;

/** Takes every page and keeps none. Owned by one thread. */
public final class DiscardingSink implements PageSink {
    @Override
    public void begin(Layout layout) {}

    @Override
    public void accept(PageBatch batch) {
        batch.release();
    }

    @Override
    public String finish(Ending ending) {
        return "nowhere";
    }

    @Override
    public void abort(String reason) {}

    @Override
    public void close() {}
}
