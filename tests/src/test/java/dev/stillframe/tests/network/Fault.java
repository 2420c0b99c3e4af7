package dev.stillframe.tests.network;

import java.time.Duration;

/**
 * What happens to the bytes of one direction of a connection at one place. Places are counted in
 * bytes that have gone through, so that the same stream meets the same fault again. Immutable.
 */
sealed interface Fault {
    /** So many bytes go through before it. */
    long at();

    /** The connection ends when {@code at} bytes are through. */
    record Cut(long at, How how) implements Fault {
        /** In which way. */
        enum How {
            /** Both sides read an end of stream. */
            CLOSE,
            /** Both sides read "connection reset"; what they have not read yet may be lost. */
            RESET,
            /** The reader reads an end of stream, the other direction goes on. */
            HALF_CLOSE
        }
    }

    /** Nothing goes through for {@code length}, then everything as before. */
    record Stall(long at, Duration length) implements Fault {}

    /** The connection stays open, but nothing goes through any more in either direction. */
    record BlackHole(long at) implements Fault {}

    /** Bit {@code bit}, 0 to 7, of the byte behind the first {@code at} is turned over. */
    record Flip(long at, int bit) implements Fault {}

    /**
     * The next {@code bytes} bytes go in pieces of at most {@code pieceBytes} with a pause after
     * each. With pieces as large as a read it is a delay.
     */
    record Drip(long at, long bytes, int pieceBytes, Duration pause) implements Fault {}

    /** The next {@code bytes} bytes go no faster than a token bucket lets them. */
    record Limit(long at, long bytes, long bytesPerSecond, int burstBytes) implements Fault {}
}
