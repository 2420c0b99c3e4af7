package dev.stillframe.tests.target;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The page in which {@code oracle.c} counts the writes of each writer, shared with this process, so
 * that reading it does not touch the writer. Line 0 is unused; the line of writer n is n + 1.
 * Thread-safe.
 */
public final class Counters implements AutoCloseable {
    private static final int PAGE_BYTES = 4096;
    private static final int LINE_BYTES = 64;
    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    private final Path path;
    private final int threads;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment page;

    private Counters(Path path, int threads) throws IOException {
        this.path = path;
        this.threads = threads;
        try (FileChannel file =
                FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            page = file.map(FileChannel.MapMode.READ_WRITE, 0, PAGE_BYTES, arena);
        }
    }

    /**
     * Makes the file for {@code threads} writers; in memory (tmpfs) where there is one, so that no
     * disk slows them.
     */
    public static Counters create(int threads) throws IOException {
        Path memory = Path.of("/dev/shm");
        Path directory = Files.isWritable(memory) ? memory : NativeProgram.scratch();
        return new Counters(Files.createTempFile(directory, "stillframe-counters-", ""), threads);
    }

    Path path() {
        return path;
    }

    /** Writes of all writers since the start. */
    public long writes() {
        long sum = 0;
        for (int thread = 0; thread < threads; thread++) {
            sum += (long) WORD.getOpaque(page, (thread + 1L) * LINE_BYTES);
        }
        return sum;
    }

    @Override
    public void close() throws IOException {
        arena.close();
        Files.delete(path);
    }
}
