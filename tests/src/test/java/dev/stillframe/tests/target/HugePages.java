package dev.stillframe.tests.target;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Pages of the kernel's hugetlb pool, reserved for a test and given back on close. Owned by one
 * thread.
 */
public final class HugePages implements AutoCloseable {
    private static final Path POOL = Path.of("/proc/sys/vm/nr_hugepages");
    private static final Path COMPACT = Path.of("/proc/sys/vm/compact_memory");
    private static final int PAGE_BYTES = 2 << 20;

    private final long before;

    private HugePages(long before) {
        this.before = before;
    }

    /**
     * Adds pages for {@code bytes} to the pool.
     *
     * @throws IOException if the kernel has not that many
     */
    public static HugePages reserve(long bytes) throws IOException {
        long before = pool();
        HugePages pages = new HugePages(before);
        long wanted = before + bytes / PAGE_BYTES;
        Files.writeString(COMPACT, "1", US_ASCII);
        Files.writeString(POOL, Long.toString(wanted), US_ASCII);
        if (pool() < wanted) {
            long got = pool();
            pages.close();
            throw new IOException("wanted %d huge pages, the kernel has %d".formatted(wanted, got));
        }
        return pages;
    }

    @Override
    public void close() throws IOException {
        Files.writeString(POOL, Long.toString(before), US_ASCII);
    }

    private static long pool() throws IOException {
        // Not Files.readString: it asks for one byte first, and a sysctl gives its value to the
        // first read only.
        try (BufferedReader reader = Files.newBufferedReader(POOL, US_ASCII)) {
            return Long.parseLong(reader.readLine().trim());
        }
    }
}
