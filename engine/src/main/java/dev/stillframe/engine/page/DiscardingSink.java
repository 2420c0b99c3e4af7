package dev.stillframe.engine.page;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;

/** Takes every page and keeps none: for dry runs and measurements. Owned by one thread. */
public final class DiscardingSink implements PageSink {
    @Override
    public void begin(Layout layout) {}

    @Override
    public void amend(Layout layout) {}

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
