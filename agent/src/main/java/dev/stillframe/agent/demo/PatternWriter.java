package dev.stillframe.agent.demo;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Writes a {@link Pattern} into memory, step by step. Each slice belongs to one thread; different
 * slices may be stepped by different threads at once.
 */
public final class PatternWriter {
    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    /** Progress words of two threads lie this far apart, so that they do not share a cache line. */
    private static final int PROGRESS_SPACING = 16;

    private final Pattern pattern;
    private final Words memory;
    private final AtomicLongArray progress;

    /** Where it writes. */
    @FunctionalInterface
    public interface Words {
        /** Stores a word at a byte offset, after all that the thread stored before. */
        void put(long offset, long value);
    }

    /**
     * Fills the memory with the state before the first step.
     *
     * @param memory at least {@link Pattern#sizeBytes()} bytes, aligned to 8; outlives this object
     */
    public PatternWriter(Pattern pattern, MemorySegment memory) {
        this(pattern, (offset, value) -> WORD.setRelease(memory, offset, value));
    }

    /** The same through {@code memory}. */
    public PatternWriter(Pattern pattern, Words memory) {
        this.pattern = pattern;
        this.memory = memory;
        this.progress = new AtomicLongArray(pattern.threads() * PROGRESS_SPACING);
        for (int page = 0; page < pattern.pageCount(); page++) {
            long base = (long) page * Pattern.PAGE_BYTES;
            for (int word = 0; word < Pattern.WORDS; word++) {
                long value = Pattern.isWritten(word) ? 0 : Pattern.filler(page, word);
                memory.put(base + (long) word * Long.BYTES, value);
            }
        }
    }

    /** Writes the next page of {@code thread}'s slice. */
    public void step(int thread) {
        long step = completed(thread) + 1;
        long seen = progress.getAcquire(pattern.neighbour(thread) * PROGRESS_SPACING);
        int page = pattern.pageOf(thread, step);
        // The oracle relies on this order: release stores are not reordered with each other,
        // neither by the
        // compiler nor by the processor, so a stopped thread has written a prefix of them.
        put(page, Pattern.stampWord(0), step);
        put(page, Pattern.SEEN_WORD, Pattern.note(step, seen));
        for (int stamp = 1; stamp < Pattern.STAMPS; stamp++) {
            put(page, Pattern.stampWord(stamp), step);
        }
        progress.setRelease(thread * PROGRESS_SPACING, step);
    }

    /** Steps that {@code thread} has completed. */
    public long completed(int thread) {
        return progress.getAcquire(thread * PROGRESS_SPACING);
    }

    /** Steps that all threads have completed together. */
    public long completed() {
        long sum = 0;
        for (int thread = 0; thread < pattern.threads(); thread++) {
            sum += completed(thread);
        }
        return sum;
    }

    private void put(int page, int word, long value) {
        memory.put((long) page * Pattern.PAGE_BYTES + (long) word * Long.BYTES, value);
    }
}
