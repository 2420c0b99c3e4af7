package dev.stillframe.agent.demo;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Tells whether memory is what a {@link PatternWriter} had at one instant. Finds any changed byte,
 * any page of another time, and slices that are not of the same instant. Owned by one thread;
 * judges one memory.
 */
public final class Oracle {
    private static final int DEVIATIONS_KEPT = 20;
    private static final int CHUNK_PAGES = 256;

    /** Reads the memory to be judged. */
    @FunctionalInterface
    public interface Memory {
        /**
         * Fills {@code into} with the bytes from {@code offset} on.
         *
         * @throws IOException if they cannot be read
         */
        void read(long offset, MemorySegment into) throws IOException;
    }

    /**
     * What the oracle says. Immutable.
     *
     * @param steps the highest step found in each slice
     * @param deviationCount how many contradictions were found; 0 means that the memory is one
     *     instant
     * @param deviations the first of them, in words
     */
    public record Verdict(List<Long> steps, long deviationCount, List<String> deviations) {
        /** Copies the lists. */
        public Verdict {
            steps = List.copyOf(steps);
            deviations = List.copyOf(deviations);
        }

        /** Whether the memory is one instant. */
        public boolean isOneInstant() {
            return deviationCount == 0;
        }
    }

    private final Pattern pattern;

    /**
     * First stamp of each page; the value of the stamps behind the tear; where it tears; the note.
     */
    private final long[] stamp;

    private final long[] rest;
    private final int[] tear;
    private final long[] seen;

    private final List<String> deviations = new ArrayList<>();
    private long deviationCount;

    private Oracle(Pattern pattern) {
        this.pattern = pattern;
        int pages = pattern.pageCount();
        this.stamp = new long[pages];
        this.rest = new long[pages];
        this.tear = new int[pages];
        this.seen = new long[pages];
    }

    /**
     * Reads the memory once and judges it.
     *
     * @throws IOException if the memory cannot be read
     */
    public static Verdict judge(Pattern pattern, Memory memory) throws IOException {
        return new Oracle(pattern).judge(memory);
    }

    private Verdict judge(Memory memory) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chunk =
                    arena.allocate((long) CHUNK_PAGES * Pattern.PAGE_BYTES, Pattern.PAGE_BYTES);
            for (int first = 0; first < pattern.pageCount(); first += CHUNK_PAGES) {
                int count = Math.min(CHUNK_PAGES, pattern.pageCount() - first);
                MemorySegment part = chunk.asSlice(0, (long) count * Pattern.PAGE_BYTES);
                memory.read((long) first * Pattern.PAGE_BYTES, part);
                for (int page = 0; page < count; page++) {
                    examine(
                            first + page,
                            part.asSlice((long) page * Pattern.PAGE_BYTES, Pattern.PAGE_BYTES));
                }
            }
        }
        List<Long> steps = new ArrayList<>();
        for (int thread = 0; thread < pattern.threads(); thread++) {
            steps.add(highestStep(thread));
        }
        for (int thread = 0; thread < pattern.threads(); thread++) {
            checkSlice(thread, steps.get(thread));
            checkNeighbour(thread, steps);
        }
        return new Verdict(steps, deviationCount, deviations);
    }

    /** Notes what was written into the page and checks what never is. */
    private void examine(int page, MemorySegment bytes) {
        for (int word = 0; word < Pattern.WORDS; word++) {
            if (!Pattern.isWritten(word) && word(bytes, word) != Pattern.filler(page, word)) {
                deviate("page %d, word %d: a word that is never written has changed", page, word);
            }
        }
        seen[page] = word(bytes, Pattern.SEEN_WORD);
        stamp[page] = word(bytes, Pattern.stampWord(0));
        rest[page] = stamp[page];
        tear[page] = Pattern.STAMPS;
        for (int index = 1; index < Pattern.STAMPS; index++) {
            long value = word(bytes, Pattern.stampWord(index));
            if (value != rest[page]) {
                if (tear[page] != Pattern.STAMPS) {
                    deviate("page %d: stamps of three different steps", page);
                }
                tear[page] = index;
                rest[page] = value;
            }
        }
    }

    private long highestStep(int thread) {
        long highest = 0;
        int first = thread * pattern.pagesPerThread();
        for (int page = first; page < first + pattern.pagesPerThread(); page++) {
            highest = Math.max(highest, stamp[page]);
        }
        return highest;
    }

    /**
     * Every page of the slice must hold the last step that wrote it; only the newest may be half
     * written.
     */
    private void checkSlice(int thread, long highest) {
        long before = Math.max(0, highest - pattern.pagesPerThread());
        long later = Long.MAX_VALUE;
        for (int back = 0; back < pattern.pagesPerThread(); back++) {
            long step = Math.max(0, highest - back);
            int page = pattern.pageOf(thread, highest - back);
            if (stamp[page] != step) {
                deviate(
                        "page %d: holds step %d, but must hold %d of %d",
                        page, stamp[page], step, highest);
            }
            if (tear[page] != Pattern.STAMPS && (back > 0 || rest[page] != before)) {
                deviate("page %d: step %d is mixed with step %d", page, stamp[page], rest[page]);
            }
            if (isNoteOf(before, page) && back == 0 && tear[page] == 1) {
                continue; // stopped right behind the first stamp: the note is still that of the
                // step before
            }
            if (!isNoteOf(step, page)) {
                deviate("page %d: the note about the neighbour is not that of step %d", page, step);
            } else if (Pattern.noted(seen[page]) > later) {
                deviate("page %d: step %d saw more of its neighbour than a later one", page, step);
            }
            later = Pattern.noted(seen[page]);
        }
    }

    private boolean isNoteOf(long step, int page) {
        return seen[page] == Pattern.note(step, Pattern.noted(seen[page]));
    }

    /** What a thread saw of its neighbour had happened: it must be in the neighbour's slice. */
    private void checkNeighbour(int thread, List<Long> steps) {
        int neighbour = pattern.neighbour(thread);
        long completed = steps.get(neighbour);
        if (tear[pattern.pageOf(neighbour, completed)] != Pattern.STAMPS) {
            completed--;
        }
        int page = pattern.pageOf(thread, steps.get(thread));
        if (Pattern.noted(seen[page]) > completed) {
            deviate(
                    "thread %d saw step %d of thread %d, which is only at %d: not one instant",
                    thread, Pattern.noted(seen[page]), neighbour, completed);
        }
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency for one method
    private void deviate(String format, Object... values) {
        deviationCount++;
        if (deviations.size() < DEVIATIONS_KEPT) { // formatting is dear when a whole image is wrong
            deviations.add(format.formatted(values));
        }
    }

    private static long word(MemorySegment page, int word) {
        return page.get(ValueLayout.JAVA_LONG, (long) word * Long.BYTES);
    }
}
