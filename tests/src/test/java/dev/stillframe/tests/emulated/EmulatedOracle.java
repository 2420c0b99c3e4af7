package dev.stillframe.tests.emulated;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.BlockingTask;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.tests.oracle.OracleMemory;
import dev.stillframe.tests.oracle.OracleShape;
import dev.stillframe.tests.oracle.SimulatedOracle;
import dev.stillframe.tests.target.Signals;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** {@code oracle.c} on the emulated MMU: its threads write without a pause until this is closed. */
final class EmulatedOracle implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** What the region is made of. */
    enum Kind {
        ANONYMOUS,
        HUGE,
        SHARED
    }

    private final Mmu mmu;
    private final EmulatedThreads threads;
    private final OracleShape shape;
    private final AddressRange region;
    private final List<Repeating> writers = new ArrayList<>();
    private final AtomicLong stores = new AtomicLong();

    private EmulatedOracle(CowPolicy policy, OracleShape shape, Kind kind) {
        this.shape = shape;
        mmu = new Mmu(policy);
        EmulatedProcess process = mmu.newProcess();
        threads = new EmulatedThreads(process, PATIENCE);
        long bytes = shape.sizeBytes();
        long start =
                switch (kind) {
                    case ANONYMOUS -> process.mapAnonymous(bytes);
                    case HUGE -> process.mapHuge(bytes);
                    case SHARED -> process.mapShared(mmu.newSharedMemory(), 0, bytes);
                };
        region = new AddressRange(start, start + bytes);
    }

    /** Starts the writers and waits until they have written every page about once. */
    static EmulatedOracle start(CowPolicy policy, OracleShape shape, Kind kind) throws Exception {
        EmulatedOracle oracle = new EmulatedOracle(policy, shape, kind);
        oracle.startWriters();
        long enough = shape.pages() * 17;
        Signals.await("the emulated writers' first round", () -> oracle.stores.get() > enough);
        return oracle;
    }

    private void startWriters() {
        ThreadLocal<EmulatedThreads.Running> own = ThreadLocal.withInitial(threads::newThread);
        SimulatedOracle oracle = new SimulatedOracle(shape, new Memory(own));
        for (int i = 0; i < shape.threads(); i++) {
            int thread = i;
            writers.add(
                    new Repeating(
                            "emulated-writer-" + thread,
                            () -> {
                                oracle.step(thread);
                                stores.incrementAndGet();
                            }));
        }
    }

    private final class Memory implements OracleMemory {
        private final ThreadLocal<EmulatedThreads.Running> own;

        Memory(ThreadLocal<EmulatedThreads.Running> own) {
            this.own = own;
        }

        @Override
        public long get(long offset) {
            return run(task -> task.load(region.start() + offset, Long.BYTES));
        }

        @Override
        public void set(long offset, long value) {
            run(task -> task.store(region.start() + offset, value, Long.BYTES));
        }

        private long run(BlockingTask.Start operation) {
            try {
                if (own.get().run(operation) instanceof Outcome.Done(long value)) {
                    return value;
                }
                throw new IllegalStateException("a writer was signalled");
            } catch (InterruptedException | TimeoutException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    OracleShape shape() {
        return shape;
    }

    AddressRange region() {
        return region;
    }

    Mmu mmu() {
        return mmu;
    }

    EmulatedThreads threads() {
        return threads;
    }

    /** A target for one snapshot. */
    EmulatedTarget target() {
        return new EmulatedTarget(mmu, threads);
    }

    /** Waits until the writers have gone on. */
    void awaitProgress() throws Exception {
        long from = stores.get();
        Signals.await("more stores", () -> stores.get() > from + 100L * shape.threads());
    }

    /** Ends the writers; throws what ended one of them before. */
    @Override
    public void close() {
        writers.forEach(Repeating::close);
    }
}
