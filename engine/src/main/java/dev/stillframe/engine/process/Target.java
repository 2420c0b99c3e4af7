package dev.stillframe.engine.process;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.MemoryFile;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whose memory is captured, looked at from outside: a process, or one that is emulated. Reading
 * changes nothing in it. Thread-safe but for {@link #scan}.
 */
public interface Target extends AutoCloseable {
    /**
     * Gets hold of it: from now on its threads can be stopped, and its memory protected.
     *
     * @param clock the time of whoever takes the snapshot
     * @throws IOException if it forbids that; it is then as it was
     */
    Attachment attach(Probe probe, Clock clock) throws IOException;

    /**
     * Refuses a target that has a userfaultfd of its own: it could not register any memory with it
     * while we do (EBUSY).
     *
     * @throws TargetException naming the descriptor
     */
    default void refuseOwnUserfaultfd() throws IOException {}

    /**
     * Whether its writes can be made to wait, as the instant at the start needs: not where it has
     * no right to a userfaultfd that the kernel's own writes respect.
     */
    default boolean canBeMadeToWait() throws IOException {
        return true;
    }

    /** Its mappings now, by address. */
    List<Mapping> mappings() throws IOException;

    /** The kernel's flags of its mappings, by start address; takes a walk of its page tables. */
    Map<Long, Set<String>> mappingFlags() throws IOException;

    /**
     * Copies {@code length} bytes at its {@code address} to this process's address {@code into}.
     * Allocates nothing.
     *
     * @return bytes copied from the start, or a negative errno
     */
    long read(long address, long length, long into);

    /**
     * Copies several ranges, one behind the other, to this process's address {@code into}.
     * Allocates nothing.
     *
     * @param ranges {@code struct iovec} of each: its address and its length in bytes, two longs
     * @param count how many, at most 1024
     * @param bytes of all together
     * @return {@code bytes}; or less, or a negative errno, if some are not there: then nothing is
     *     known of what was copied
     */
    default long gather(MemorySegment ranges, int count, long bytes, long into) {
        long done = 0;
        for (int i = 0; i < count; i++) {
            long length = ranges.get(JAVA_LONG, i * 16L + 8);
            long copied = read(ranges.get(JAVA_LONG, i * 16L), length, into + done);
            if (copied != length) {
                return done;
            }
            done += copied;
        }
        return done;
    }

    /**
     * Maps pages that are there for writing, as its own first writes would. For memory that was
     * protected and is no more; best effort.
     */
    default void makeWritable(long address, long length) {}

    /**
     * Makes a range of 2 MiB, aligned to that, one huge page again; whether it is one now. For
     * memory that was one before it was marked.
     */
    default boolean makeHuge(long address) {
        return false;
    }

    /**
     * Reads bytes, all or none.
     *
     * @throws IOException if some are not there
     */
    byte[] read(long address, int length) throws IOException;

    /** Visits the matching pages of {@code [start, end)} in address order. */
    void scan(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException;

    /** A view of the protection of its pages for one more thread; the caller closes it. */
    ProtectionView protection() throws IOException;

    /** Opens what a mapping of shared memory or of a file shows; the caller closes it. */
    MemoryFile open(Mapping mapping) throws IOException;

    /** What is known of the file of a mapping that has one. */
    FileReference fileOf(Mapping mapping);

    /**
     * What of {@code shown}, mappings of it, is shared memory that someone has mapped writable
     * elsewhere at this moment: such writes are not seen. Looks at the mappings of every process.
     */
    List<Missing> sharedElsewhere(List<Mapping> shown) throws IOException;

    /**
     * Descriptors of anybody, the target's own as well, by which shared memory among {@code shown}
     * can be written.
     */
    List<OpenDescriptor> openDescriptors(List<Mapping> shown) throws IOException;

    /**
     * Whether it is known to write its shared memory by its mappings only, whatever descriptors of
     * it it has.
     */
    default boolean writesByMappingsOnly() {
        return false;
    }

    /** By what it is seen whether a child of it has ended, which had its shared memory. */
    EndedChildren endedChildren() throws IOException;

    /** Bytes of its memory that are resident now. */
    long residentBytes() throws IOException;

    /** Its threads now. */
    int threadCount() throws IOException;

    /** The auxiliary vector. */
    byte[] auxv() throws IOException;

    /** Who it is. */
    Source source() throws IOException;

    /**
     * The virtual machine that it is, as it was at T0; null if it is none. Asked for after the
     * freeze.
     */
    default @Nullable MachineState machine() throws IOException {
        return null;
    }

    /**
     * Whether the image accounts for every page of its mappings, populated or not: then they lie in
     * it in one piece, and it can be mapped.
     */
    default boolean isSolid() {
        return false;
    }

    @Override
    void close();
}
