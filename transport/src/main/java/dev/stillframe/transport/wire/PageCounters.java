package dev.stillframe.transport.wire;

import dev.stillframe.engine.page.PageBatch;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/**
 * The meters {@code stillframe.transport.pages}: what crossed the wire, by its kind. Thread-safe.
 */
public final class PageCounters {
    private final Counter zero;
    private final Counter data;
    private final Counter lost;
    private final Counter inParent;

    /** In {@code registry}; {@code side} is {@code sender} or {@code receiver}. */
    public PageCounters(MeterRegistry registry, String side) {
        zero = counter(registry, side, "zero");
        data = counter(registry, side, "data");
        lost = counter(registry, side, "lost");
        inParent = counter(registry, side, "in_parent");
    }

    private static Counter counter(MeterRegistry registry, String side, String kind) {
        return registry.counter("stillframe.transport.pages", "side", side, "kind", kind);
    }

    /** Counts the pages of a batch. */
    public void count(PageBatch batch) {
        for (int run = 0; run < batch.runCount(); run++) {
            double pages = (double) batch.pageCount(run);
            switch (batch.kind(run)) {
                case ZERO -> zero.increment(pages);
                case DATA -> data.increment(pages);
                case LOST -> lost.increment(pages);
                case IN_PARENT -> inParent.increment(pages);
                case UNKNOWN -> {} // in no batch
            }
        }
    }
}
