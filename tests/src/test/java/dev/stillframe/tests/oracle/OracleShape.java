package dev.stillframe.tests.oracle;

/**
 * What one run of {@code oracle.c} was told. Immutable.
 *
 * @param sizeBytes size of the region: the board page and the cells
 * @param threads writers, 1 to 8
 * @param seed goes into every value
 */
public record OracleShape(long sizeBytes, int threads, long seed) {
    /** Bytes of the board and of each cell, whatever the page size of the memory. */
    public static final int PAGE_BYTES = 4096;

    /** Checks the ranges. */
    public OracleShape {
        if (sizeBytes % PAGE_BYTES != 0
                || threads < 1
                || threads > 8
                || sizeBytes / PAGE_BYTES - 1 < threads) {
            throw new IllegalArgumentException(
                    "oracle of " + sizeBytes + " bytes and " + threads + " threads");
        }
    }

    /** Cells in the region. */
    public long pages() {
        return sizeBytes / PAGE_BYTES - 1;
    }

    /** Cells of one thread. */
    long pagesOf(int thread) {
        return (pages() - thread + threads - 1) / threads;
    }

    /** Where in the region cell {@code index} of a thread begins. */
    long offsetOf(int thread, long index) {
        return (cellOf(thread, index) + 1) * PAGE_BYTES;
    }

    /** Number of a thread's cell {@code index} among all cells. */
    long cellOf(int thread, long index) {
        return index * threads + thread;
    }

    /** The thread whose numbers {@code thread} looks at. */
    int before(int thread) {
        return (thread + threads - 1) % threads;
    }
}
