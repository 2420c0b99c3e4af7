package dev.stillframe.engine.document;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;

/** Lends heap for what documents say, which others may have written. */
@FunctionalInterface
public interface HeapAllowance {
    /**
     * Called before so much heap is used.
     *
     * @param what takes it, in words
     * @param heapBytes how much, by {@link DocumentWeight}
     * @throws IOException if there is not so much to be had; nothing is used then
     */
    void take(String what, long heapBytes) throws IOException;

    /** A new one of half of this program's heap. */
    static HeapAllowance ofThisProgram() {
        return ofPart(2);
    }

    /**
     * A new one of one of {@code parts} parts of this program's heap, where others need the rest of
     * it.
     */
    static HeapAllowance ofPart(int parts) {
        long mostBytes = Runtime.getRuntime().maxMemory() / parts;
        AtomicLong taken = new AtomicLong();
        return (what, heapBytes) -> {
            if (taken.addAndGet(heapBytes) > mostBytes) {
                throw new IOException(
                        ("%s can take %d MiB of heap, more than the %d MiB that this program has for it; allow it more: "
                                        + "STILLFRAME_JAVA_OPTS=-Xmx%dm")
                                .formatted(
                                        what,
                                        taken.get() >> 20,
                                        mostBytes >> 20,
                                        Math.ceilDiv(parts * taken.get(), 1 << 20)));
            }
        };
    }

    /** Half of this program's heap, in bytes. */
    static long mostBytes() {
        return Runtime.getRuntime().maxMemory() / 2;
    }
}
