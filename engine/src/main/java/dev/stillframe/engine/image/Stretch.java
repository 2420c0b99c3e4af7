package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.nio.file.Path;

/** Consecutive addresses of an image whose bytes come from one place. */
sealed interface Stretch {
    AddressRange range();

    /** Whole or partial pages of one extent, in the page file. */
    record Stored(AddressRange range) implements Stretch {}

    /** Zeros, of which nothing is stored. */
    record Zero(AddressRange range) implements Stretch {}

    /**
     * Bytes of a file that is still as it was at T0; {@code offsetBytes} is where the range begins
     * in it.
     */
    record FileBacked(AddressRange range, Path file, long offsetBytes) implements Stretch {}

    /** Bytes that the image does not have, and why. */
    record Unavailable(AddressRange range, String reason) implements Stretch {}

    /** Is shown stretches in address order. */
    @FunctionalInterface
    interface Visitor {
        void visit(Stretch stretch) throws IOException;
    }
}
