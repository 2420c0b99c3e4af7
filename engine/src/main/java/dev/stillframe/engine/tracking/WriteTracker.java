package dev.stillframe.engine.tracking;

import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Keeps writes of a target's threads waiting on protected memory, and tells of them. The kernel's
 * userfaultfd, or a model of it. Thread-safe; {@link #read}, {@link #protect}, {@link #unprotect}
 * and {@link #wake} allocate nothing and answer a negative errno instead of throwing.
 */
public interface WriteTracker extends AutoCloseable {
    /**
     * The handshake, once: write-protect faults, markers on empty entries, and events for moved,
     * discarded and unmapped memory.
     *
     * @throws IOException if it cannot do one of these
     */
    void enable() throws IOException;

    /**
     * Registers a range for write-protect faults.
     *
     * @throws IOException an {@code ErrnoException} with EINVAL if a mapping in it cannot be
     *     protected, EBUSY if another tracker has it
     */
    void register(AddressRange range) throws IOException;

    /**
     * Takes the protection of a range away for good, and wakes its parked writers. Nothing is told
     * of it from then on.
     *
     * @return 0 or a negative errno: EINVAL and ENOMEM where the mapping has gone, which is as good
     */
    long unregister(long start, long bytes);

    /**
     * Write-protects a registered range. Not atomic: after an error the first part may be
     * protected.
     *
     * @return 0 or a negative errno: EAGAIN while an event is unread, ESRCH when the target's
     *     memory is gone, ENOENT where nothing is registered
     */
    long protect(long start, long bytes);

    /** Removes the protection and wakes the parked writers; the same errors as {@link #protect}. */
    long unprotect(long start, long bytes);

    /** Wakes the writers parked in a range; they try again. */
    long wake(long start, long bytes);

    /**
     * Reads as many messages as fit, without waiting.
     *
     * @param into native memory for {@code struct uffd_msg}, 32 bytes each
     * @return number of messages, 0 if there is none, or a negative errno
     */
    int read(MemorySegment into);

    /** Sleeps until a message can be read or {@code timeoutNanos} have passed. */
    void await(long timeoutNanos);

    /**
     * Takes all protection away, at once, and lets every parked writer go on. May be called while
     * other threads use the tracker: their calls answer errors or find nothing from then on.
     * Idempotent.
     *
     * @throws IOException if that failed; {@link #close} does it all the same
     */
    void release() throws IOException;

    /** Does what {@link #release} does, when no other thread uses the tracker any more. */
    @Override
    void close();
}
