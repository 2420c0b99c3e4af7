package dev.stillframe.tests.network;

import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Gates before sinks: a batch of an image passes when the test lets it. Thread-safe. */
final class Gates {
    private final Map<String, Gate> gates = new ConcurrentHashMap<>();

    /** The gate of an image. */
    Gate of(String imageName) {
        return gates.computeIfAbsent(imageName, _ -> new Gate());
    }

    /** {@code sink} behind the gate of the image. */
    PageSink guard(String imageName, PageSink sink) {
        return new GatedSink(sink, of(imageName));
    }

    /** Opened by the test, passed by the sink's thread. */
    static final class Gate {
        private static final int WITHIN_SECONDS = 60;
        private static final int ALL = 1_000_000;

        private final Semaphore permits = new Semaphore(0);
        private final AtomicInteger passed = new AtomicInteger();

        /** Lets so many more batches pass. */
        void allow(int batches) {
            permits.release(batches);
        }

        /** Lets all pass. */
        void open() {
            permits.release(ALL);
        }

        /** Batches that have passed. */
        int passed() {
            return passed.get();
        }

        private void pass() throws IOException {
            try {
                if (!permits.tryAcquire(WITHIN_SECONDS, TimeUnit.SECONDS)) {
                    throw new IOException("the gate stays closed");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted at the gate", e);
            }
        }
    }

    private static final class GatedSink extends ForwardingSink {
        private final Gate gate;

        GatedSink(PageSink next, Gate gate) {
            super(next);
            this.gate = gate;
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            boolean handed = false;
            try {
                gate.pass();
                handed = true;
                super.accept(batch);
                gate.passed.incrementAndGet();
            } finally {
                if (!handed) {
                    batch.release();
                }
            }
        }
    }
}
