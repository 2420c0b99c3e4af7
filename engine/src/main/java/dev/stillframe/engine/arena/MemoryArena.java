package dev.stillframe.engine.arena;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Off-heap memory of this Java program of which an image can be taken while it is written. Made by
 * {@link #emulated}, filled with zeros, and given back by {@link #close}. Thread-safe.
 *
 * <p>An image of an arena is an image like any other: one region, whose addresses are the offsets
 * in the arena. It can be shown, verified, exported and sent, and put back by {@link #restore} into
 * an arena of either flavour.
 */
public interface MemoryArena extends MemoryRange, AutoCloseable {
    /** Bytes of a page, the unit of copying. */
    int PAGE_BYTES = 4096;

    /**
     * An arena with a write barrier in software: pure Java, no privilege, no feature of the kernel.
     * Writes go only through the methods of {@link MemoryRange}.
     *
     * @param name says in images what this is; any text
     * @param sizeBytes a positive multiple of {@link #PAGE_BYTES}
     * @throws OutOfMemoryError if there is not so much memory
     */
    static MemoryArena emulated(String name, long sizeBytes) {
        return emulated(name, sizeBytes, Clock.SYSTEM);
    }

    /** The same with the time of {@code clock}. */
    static MemoryArena emulated(String name, long sizeBytes, Clock clock) {
        return new EmulatedArena(name, sizeBytes, clock, step -> {});
    }

    /** What this is, as images say it. */
    String name();

    /**
     * Writes an image of one instant, T0, while other threads go on. T0 is the same for all
     * threads: what was written before is in the image, and nothing that was written after, a call
     * or a {@link #unit} either as a whole or not at all. Blocks the caller until the image is
     * published; one snapshot at a time.
     *
     * @param sink where to; closed in any case
     * @throws IllegalStateException if a snapshot or a restore is running, if this thread is in a
     *     {@link #unit}, or after close
     * @throws IOException if the sink fails, or if T0 could not be reached in time; nothing is
     *     published, and the arena is as if nothing had been
     */
    default ArenaReport snapshot(PageSink sink) throws IOException {
        return snapshot(sink, ArenaOptions.DEFAULT);
    }

    /** The same with choices. */
    ArenaReport snapshot(PageSink sink, ArenaOptions options) throws IOException;

    /**
     * The same, but only the pages that were written since an earlier snapshot are copied; of the
     * others the sink is told that the image's parent has them ({@link PageKind#IN_PARENT}).
     *
     * @param parent a published snapshot of this arena, one of the last thousand, itself taken in
     *     either way
     * @param sink of a child of that snapshot's image, or of one with the same pages
     * @throws IllegalArgumentException if it is not
     * @throws UnsupportedOperationException if this arena does not know what was written between
     *     snapshots
     */
    ArenaReport snapshotSince(ArenaReport parent, PageSink sink, ArenaOptions options)
            throws IOException;

    /**
     * Replaces the whole content by that of an image. The image is read and checked as a whole
     * first; then it is put here page by page. Threads that write meanwhile may find their writes
     * on either side; readers see pages change. Takes as much memory again until it returns.
     *
     * @param image an image of an arena of this size, complete
     * @param places directories in which its parents are looked for, beside the image's own
     * @throws IllegalStateException if a snapshot or a restore is running, or after close
     * @throws IOException if the image is damaged, incomplete, or of another size or page size; the
     *     arena is unchanged
     */
    void restore(Path image, Path... places) throws IOException;

    /**
     * Runs {@code writes} as one unit: an image has all that it writes on this thread or nothing of
     * it. T0 waits meanwhile, and units that begin while T0 waits wait for it, so keep it short.
     * Units may be nested, and run side by side.
     */
    void unit(Runnable writes);

    /**
     * Gives the memory back. Every use afterwards is an {@link IllegalStateException}. Idempotent.
     *
     * @throws IllegalStateException if a snapshot or a restore is running, or a channel is reading
     *     or writing memory of {@link #reading}; the arena is as before and can be closed later
     */
    @Override
    void close();
}
