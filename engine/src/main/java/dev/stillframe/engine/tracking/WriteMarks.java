package dev.stillframe.engine.tracking;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;

/**
 * The kernel's marks of what was written to a target's memory: write protection that it takes away
 * by itself, page by page, at the first write. No thread ever waits for us, no call of the target
 * fails, and if we are killed nothing of it is left. Used by one thread at a time.
 *
 * <p>Not seen are writes that do not go through these mappings: through a descriptor, through
 * another process's mapping, or by a device into pages that it holds.
 */
public interface WriteMarks extends AutoCloseable {
    /**
     * The handshake, once.
     *
     * @throws IOException if the kernel cannot (Linux 6.7)
     */
    void enable() throws IOException;

    /**
     * Registers a range; all of it counts as written until it is {@linkplain #take taken}. What is
     * mapped there later is not registered, and {@link PagemapScan#REGISTERED} tells.
     *
     * @throws IOException an {@code ErrnoException} with EINVAL if a mapping in it cannot be
     *     marked, EBUSY if another userfaultfd has it
     */
    void register(AddressRange range) throws IOException;

    /**
     * Takes marks and registration of a range away.
     *
     * @return 0 or a negative errno: EINVAL and ENOMEM where the mapping has gone, which is as good
     */
    long unregister(long start, long bytes);

    /**
     * Visits the matching pages of {@code [start, end)} and marks them, both at once for each page:
     * what is written to it afterwards, also before the visitor has copied it, counts as written
     * again. Parts that are not registered are left out.
     */
    void take(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException;

    /** Takes all marks and registrations away. Idempotent. */
    @Override
    void close();
}
