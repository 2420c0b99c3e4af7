package dev.stillframe.transport.sender;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.encoding.BatchEncoder;
import dev.stillframe.transport.encoding.Encoding;
import dev.stillframe.transport.encoding.PageForm;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.PageCounters;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** The sender's meters: {@code stillframe.transport.*} with {@code side=sender}. Thread-safe. */
final class SenderMetrics {
    private final MeterRegistry registry;
    private final Counter bytes;
    private final Counter batches;
    private final PageCounters pages;
    private final Map<Encoding, Counter> encodedBytes;
    private final Map<PageForm, Counter> encodedPages;
    private final Counter savedBytes;
    private final Timer encoding;
    private final Timer creditWaits;
    private final Timer durableWaits;
    private final Timer roundTrips;
    private final Counter reconnects;
    private final Counter resent;

    SenderMetrics(MeterRegistry registry) {
        this.registry = registry;
        bytes = registry.counter("stillframe.transport.bytes", "side", "sender");
        batches = registry.counter("stillframe.transport.batches", "side", "sender");
        pages = new PageCounters(registry, "sender");
        encodedBytes = counters(Encoding.class, "encoded.bytes", "encoding");
        encodedPages = counters(PageForm.class, "encoded.pages", "form");
        savedBytes = registry.counter("stillframe.transport.saved.bytes");
        encoding =
                Timer.builder("stillframe.transport.encoding")
                        .description("of batches, also of those that go as they are after all")
                        .register(registry);
        reconnects = registry.counter("stillframe.transport.reconnects");
        resent = registry.counter("stillframe.transport.batches.resent");
        roundTrips =
                Timer.builder("stillframe.transport.roundtrip")
                        .description("from the sender to the receiver and back")
                        .register(registry);
        creditWaits =
                Timer.builder("stillframe.transport.credit.waits")
                        .description("waits of the sender until the receiver took more")
                        .register(registry);
        durableWaits =
                Timer.builder("stillframe.transport.durable.waits")
                        .description("waits of the sender until the receiver's disk had more")
                        .register(registry);
    }

    /** The time of whoever has the registry. */
    Clock clock() {
        return registry.config().clock();
    }

    /** One for each constant of {@code type}, told apart by {@code tag}. */
    private <E extends Enum<E>> Map<E, Counter> counters(Class<E> type, String noun, String tag) {
        Map<E, Counter> counters = new EnumMap<>(type);
        for (E each : EnumSet.allOf(type)) {
            String word = each.name().toLowerCase(Locale.ROOT);
            counters.put(each, registry.counter("stillframe.transport." + noun, tag, word));
        }
        return counters;
    }

    void sent(PageBatch batch, long frameBytes) {
        bytes.increment((double) frameBytes);
        batches.increment();
        pages.count(batch);
    }

    /** What an encoder did with a batch. */
    void encoded(Encoding how, BatchEncoder encoder, PageBatch batch, long nanos) {
        encoding.record(nanos, TimeUnit.NANOSECONDS);
        long contentBytes =
                how == Encoding.KEPT ? batch.dataBytes() : encoder.contents().byteSize();
        Objects.requireNonNull(encodedBytes.get(how)).increment((double) contentBytes);
        savedBytes.increment((double) (batch.dataBytes() - contentBytes));
        encodedPages.forEach((form, pages) -> pages.increment(encoder.pages(form)));
    }

    /** A batch goes out again in attempt {@code attempt}. */
    void sentAgain(int attempt) {
        if (attempt > 1) {
            resent.increment();
        }
    }

    /** The connections were lost, and there will be another attempt. */
    void reconnected() {
        reconnects.increment();
    }

    void roundTrip(long nanos) {
        roundTrips.record(nanos, TimeUnit.NANOSECONDS);
    }

    /** The bytes of one lane, from which its rate follows. */
    Counter lane(int number) {
        return registry.counter(
                "stillframe.transport.lane.bytes",
                "lane",
                number == Limits.URGENT_LANE ? "urgent" : Integer.toString(number));
    }

    void waitedForCredit(long nanos) {
        creditWaits.record(nanos, TimeUnit.NANOSECONDS);
    }

    void waitedForDisk(long nanos) {
        durableWaits.record(nanos, TimeUnit.NANOSECONDS);
    }

    void ended(boolean isPublished) {
        registry.counter(
                        "stillframe.transport.sessions",
                        "side",
                        "sender",
                        "outcome",
                        isPublished ? "published" : "failed")
                .increment();
    }
}
