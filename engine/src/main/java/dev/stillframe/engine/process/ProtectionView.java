package dev.stillframe.engine.process;

import java.io.IOException;

/** Sees whether protection holds. Owned by one thread. */
public interface ProtectionView extends AutoCloseable {
    /**
     * Whether every page of {@code [start, start + bytes)} is mapped and write-protected now. Then
     * nothing there was written, discarded or replaced since it was protected; but for protected
     * memory that was moved there, which is told. Allocates nothing.
     *
     * @throws IOException if that cannot be seen
     */
    boolean isWhole(long start, long bytes) throws IOException;

    @Override
    void close();
}
