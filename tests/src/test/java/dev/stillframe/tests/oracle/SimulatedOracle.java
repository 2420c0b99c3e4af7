package dev.stillframe.tests.oracle;

/**
 * The program {@code oracle.c} as a model: one store at a time, by whichever thread the caller
 * picks.
 */
public final class SimulatedOracle {
    private final OracleShape shape;
    private final OracleMemory memory;
    private final Writer[] writers;

    /** In {@code memory}, whose words are zero. */
    public SimulatedOracle(OracleShape shape, OracleMemory memory) {
        this.shape = shape;
        this.memory = memory;
        writers = new Writer[shape.threads()];
        for (int thread = 0; thread < writers.length; thread++) {
            writers[thread] = new Writer(thread);
        }
    }

    /** Lets a thread make its next store; each thread's are made by one caller at a time. */
    public void step(int thread) {
        writers[thread].step();
    }

    /** Lets a thread finish the write it is in and make {@code count} more. */
    void writes(int thread, long count) {
        Writer writer = writers[thread];
        for (long wanted = writer.write + count;
                writer.write < wanted || writer.done < OraclePage.SLOTS + 1; ) {
            writer.step();
        }
    }

    /** The write a thread is in or has finished. */
    long write(int thread) {
        return writers[thread].write;
    }

    /** Where the page of a thread's write begins. */
    long offsetOfWrite(int thread, long write) {
        return shape.offsetOf(thread, writers[thread].order.page(write));
    }

    private final class Writer {
        private final int thread;
        private final VisitOrder order;
        private long write;
        private int done = OraclePage.SLOTS + 1; // the publication is the last store of a write
        private long cause;

        Writer(int thread) {
            this.thread = thread;
            order = new VisitOrder(shape.pagesOf(thread));
        }

        void step() {
            if (done > OraclePage.SLOTS) {
                write++;
                done = 0;
                cause = memory.get(shape.before(thread) * 64L);
            }
            if (done == OraclePage.SLOTS) {
                memory.set(thread * 64L, write);
            } else {
                long index = order.page(write);
                long base = OraclePage.base(shape.seed(), write, shape.cellOf(thread, index));
                OraclePage.store(memory, shape.offsetOf(thread, index), done, base, write, cause);
            }
            done++;
        }
    }
}
