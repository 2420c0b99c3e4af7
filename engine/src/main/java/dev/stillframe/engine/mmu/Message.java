package dev.stillframe.engine.mmu;

/** What is read from a userfaultfd: {@code struct uffd_msg}. Immutable. */
public sealed interface Message {
    /**
     * A thread waits at {@code address}.
     *
     * @param write whether it wanted to write
     * @param wp whether the page is there but protected; a write as well
     * @param minor whether the page is there but not mapped
     * @param threadId 0 unless {@link Feature#THREAD_ID}
     */
    record Fault(long address, boolean write, boolean wp, boolean minor, int threadId)
            implements Message {
        /** Whether there is no page. */
        public boolean isMissing() {
            return !wp && !minor;
        }
    }

    /**
     * The memory was duplicated; {@code child} speaks for the copy and belongs to the process that
     * read this.
     */
    record Fork(Userfault child) implements Message {}

    /** A range was moved, with its protection. */
    record Remap(long from, long to, long sizeBytes) implements Message {}

    /** A range is about to be discarded. */
    record Remove(long start, long end) implements Message {}

    /** A range was unmapped. */
    record Unmap(long start, long end) implements Message {}
}
