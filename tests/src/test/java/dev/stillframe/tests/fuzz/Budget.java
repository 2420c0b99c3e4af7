package dev.stillframe.tests.fuzz;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/**
 * What a decoder may spend on an input. Immutable.
 *
 * @param fixedBytes heap that it may allocate for any input
 * @param bytesPerByte and for each byte of the input
 * @param processorTime in its thread
 */
record Budget(long fixedBytes, long bytesPerByte, Duration processorTime) {
    /** Something that reads an input. */
    @FunctionalInterface
    interface Decoding<T, E extends Exception> {
        /** Reads the same input each time. */
        T run() throws E;
    }

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /**
     * What {@code decoding} gives. Where it took too much it may try once more, because the first
     * time loads classes and compiles them.
     *
     * @throws AssertionError if it takes more than the budget
     */
    <T, E extends Exception> T spend(long inputBytes, Decoding<T, E> decoding) throws E {
        try {
            return measured(inputBytes, decoding);
        } catch (OverBudget first) {
            return measured(inputBytes, decoding);
        }
    }

    private <T, E extends Exception> T measured(long inputBytes, Decoding<T, E> decoding) throws E {
        long bytes = THREADS.getCurrentThreadAllocatedBytes();
        long nanos = THREADS.getCurrentThreadCpuTime();
        try {
            return decoding.run();
        } finally {
            check(
                    inputBytes,
                    THREADS.getCurrentThreadAllocatedBytes() - bytes,
                    THREADS.getCurrentThreadCpuTime() - nanos);
        }
    }

    private void check(long inputBytes, long bytes, long nanos) {
        if (bytes > fixedBytes + bytesPerByte * inputBytes || nanos > processorTime.toNanos()) {
            throw new OverBudget(
                    "%d bytes of heap and %d ns for an input of %d bytes; allowed: %s"
                            .formatted(bytes, nanos, inputBytes, this));
        }
    }

    private static final class OverBudget extends AssertionError {
        private static final long serialVersionUID = 1;

        OverBudget(String message) {
            super(message);
        }
    }
}
