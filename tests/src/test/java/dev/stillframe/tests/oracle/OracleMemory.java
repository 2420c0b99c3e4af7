package dev.stillframe.tests.oracle;

import java.lang.foreign.MemorySegment;

/** Where a {@link SimulatedOracle} writes: words at byte offsets of a region. */
public interface OracleMemory {
    /** Loads a word. */
    long get(long offset);

    /** Stores a word. */
    void set(long offset, long value);

    /** That of a segment. */
    static OracleMemory of(MemorySegment region) {
        return new OracleMemory() {
            @Override
            public long get(long offset) {
                return region.get(OraclePage.WORD, offset);
            }

            @Override
            public void set(long offset, long value) {
                region.set(OraclePage.WORD, offset, value);
            }
        };
    }
}
