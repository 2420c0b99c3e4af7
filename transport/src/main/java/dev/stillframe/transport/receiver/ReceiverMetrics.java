package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.PageCounters;
import dev.stillframe.transport.wire.ProtocolException;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The receiver's meters: {@code stillframe.transport.*} with {@code side=receiver}. Thread-safe.
 */
final class ReceiverMetrics {
    private final MeterRegistry registry;
    private final Counter bytes;
    private final Counter batches;
    private final Counter published;
    private final Counter failed;
    private final Counter suspended;
    private final PageCounters pages;
    private final Timer decoding;
    private final AtomicLong connections;
    private final AtomicLong sessions;
    private final AtomicLong memoryBytes;

    ReceiverMetrics(MeterRegistry registry) {
        this.registry = registry;
        bytes = counter("bytes");
        batches = counter("batches");
        published =
                registry.counter(
                        "stillframe.transport.sessions",
                        "side",
                        "receiver",
                        "outcome",
                        "published");
        failed =
                registry.counter(
                        "stillframe.transport.sessions", "side", "receiver", "outcome", "failed");
        suspended =
                registry.counter(
                        "stillframe.transport.sessions",
                        "side",
                        "receiver",
                        "outcome",
                        "suspended");
        pages = new PageCounters(registry, "receiver");
        decoding =
                Timer.builder("stillframe.transport.decoding")
                        .description("of batches that came encoded")
                        .register(registry);
        connections = gauge("stillframe.transport.connections.open");
        sessions = gauge("stillframe.transport.sessions.open");
        memoryBytes = gauge("stillframe.transport.memory.bytes");
    }

    /** The time of whoever has the registry. */
    Clock clock() {
        return registry.config().clock();
    }

    private Counter counter(String noun) {
        return registry.counter("stillframe.transport." + noun, "side", "receiver");
    }

    private AtomicLong gauge(String name) {
        AtomicLong value = new AtomicLong();
        registry.gauge(name, value); // a registry holds gauges weakly; this object holds the value
        return value;
    }

    void received(int count) {
        bytes.increment(count);
    }

    void received(PageBatch batch) {
        batches.increment();
        pages.count(batch);
    }

    /** Counts and measures what {@code decoder} does. */
    Contents timed(Contents decoder) {
        return new Contents() {
            @Override
            public void decode(int encoding, MemorySegment encoded, BatchBuffer into)
                    throws ProtocolException {
                long startNanos = clock().monotonicTime();
                decoder.decode(encoding, encoded, into);
                decoding.record(clock().monotonicTime() - startNanos, TimeUnit.NANOSECONDS);
            }

            @Override
            public void close() {
                decoder.close();
            }
        };
    }

    void connections(int change) {
        connections.addAndGet(change);
    }

    void sessions(int change) {
        sessions.addAndGet(change);
    }

    /** Native memory of batches and heap of documents. */
    void memory(long changeBytes) {
        memoryBytes.addAndGet(changeBytes);
    }

    /** A session that had named an image is over. */
    void ended(boolean isPublished) {
        (isPublished ? published : failed).increment();
    }

    /** An attempt at a session is over, and the session can go on. */
    void suspended() {
        suspended.increment();
    }

    /** A connection was given up. */
    void failed(ErrorCode code) {
        registry.counter("stillframe.transport.errors", "side", "receiver", "code", code.tag())
                .increment();
    }
}
