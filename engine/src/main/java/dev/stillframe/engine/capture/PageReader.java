package dev.stillframe.engine.capture;

/**
 * Copies pages out of the target. Tests put themselves in between. Thread-safe; allocates nothing.
 */
@FunctionalInterface
public interface PageReader {
    /**
     * Copies {@code length} bytes from the target's {@code address} to this process's address
     * {@code into}.
     *
     * @return bytes copied from the start, or a negative errno
     */
    long read(long address, long length, long into);
}
