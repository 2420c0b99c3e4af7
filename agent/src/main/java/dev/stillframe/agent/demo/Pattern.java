package dev.stillframe.agent.demo;

/**
 * The arithmetic that writer and oracle share. Each thread owns a slice of pages and writes one
 * page a step, in an order that is a full cycle over its slice; step {@code s} leaves {@code s} in
 * the page's stamps and, in one more word, the last step that the thread saw its neighbour
 * complete. All other words never change and are a function of their place. So the highest step in
 * a slice tells what every byte of it must be, and the words about the neighbour tie the slices to
 * one instant. Immutable.
 *
 * @param threads number of slices, at least 1
 * @param pagesPerThread pages in a slice, a power of two, at least 2
 */
public record Pattern(int threads, int pagesPerThread) {
    /** Bytes of a page of the pattern; a kernel page is this or a multiple. */
    public static final int PAGE_BYTES = 4096;

    /** 64-bit words in a page. */
    public static final int WORDS = PAGE_BYTES / Long.BYTES;

    /** Stamps in a page, evenly spread: the first is written first. */
    public static final int STAMPS = 8;

    /** Word that holds the last step seen of the neighbour; it is written after the first stamp. */
    public static final int SEEN_WORD = 1;

    private static final long SEEN_MASK = (1L << 48) - 1;
    private static final int STAMP_SPACING = WORDS / STAMPS;

    /**
     * Odd, so that it is a full cycle over a power of two; large, so that neighbours in time are
     * far apart.
     */
    private static final int STRIDE = 0x9E3779B1;

    /** Checks the ranges. */
    public Pattern {
        if (threads < 1 || pagesPerThread < 2 || Integer.bitCount(pagesPerThread) != 1) {
            throw new IllegalArgumentException(
                    threads + " threads, " + pagesPerThread + " pages a thread");
        }
    }

    /** The largest pattern of {@code threads} slices that fits into {@code bytes}. */
    public static Pattern fitting(long bytes, int threads) {
        long pages = Math.max(2, bytes / PAGE_BYTES / threads);
        return new Pattern(threads, Math.toIntExact(Long.highestOneBit(pages)));
    }

    /** Pages of all slices. */
    public int pageCount() {
        return Math.multiplyExact(threads, pagesPerThread);
    }

    /** Bytes of all slices. */
    public long sizeBytes() {
        return (long) pageCount() * PAGE_BYTES;
    }

    /** Index, within all pages, of the page that {@code thread} writes in step {@code step}. */
    public int pageOf(int thread, long step) {
        return thread * pagesPerThread + (int) ((step * STRIDE) & (pagesPerThread - 1));
    }

    /** The thread whose progress {@code thread} notes; itself if it is alone. */
    public int neighbour(int thread) {
        return (thread + threads - 1) % threads;
    }

    /** Word of stamp {@code stamp}. */
    static int stampWord(int stamp) {
        return stamp * STAMP_SPACING;
    }

    /** Whether the word is a stamp or what was seen of the neighbour. */
    static boolean isWritten(int word) {
        return word == SEEN_WORD || word % STAMP_SPACING == 0;
    }

    /**
     * The word that notes in {@code step} that the neighbour had completed {@code seen}: 48 bits
     * and a check.
     */
    static long note(long step, long seen) {
        return step == 0
                ? 0
                : (mix(step ^ Long.rotateLeft(seen, 32)) & ~SEEN_MASK) | (seen & SEEN_MASK);
    }

    /** The step that a note is about. */
    static long noted(long note) {
        return note & SEEN_MASK;
    }

    /** What a word that is never written holds. */
    static long filler(int page, int word) {
        return mix((long) page * WORDS + word);
    }

    /** The finaliser of SplitMix64. */
    private static long mix(long value) {
        long mixed = value + 0x9E3779B97F4A7C15L;
        mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
        return mixed ^ (mixed >>> 31);
    }
}
