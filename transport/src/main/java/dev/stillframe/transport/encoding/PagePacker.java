package dev.stillframe.transport.encoding;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.wire.Limits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Writes the contents of a batch page by page in the shortest form. Owned by one thread; allocates
 * nothing for a page.
 */
final class PagePacker {
    /** Most bytes that a packed batch has: every page as it is. */
    static final int MAX_BYTES = Limits.MAX_DATA_BYTES + Limits.MAX_DATA_PAGES;

    /** A difference that is longer than this part of a page is not worth its time. */
    private static final int DELTA_PART = 2;

    private static final int ROWS = 2 * Limits.MAX_DATA_PAGES;

    private final PageDictionary dictionary;
    private final PageFinder finder;
    private final int pageBytes;
    private final MemorySegment packed;
    private final PageForm[] forms = new PageForm[Limits.MAX_DATA_PAGES];
    private final int[] places = new int[Limits.MAX_DATA_PAGES];
    private final MemorySegment[] memory = new MemorySegment[Limits.MAX_DATA_PAGES];
    private final long[] offsets = new long[Limits.MAX_DATA_PAGES];
    private final long[] lowHashes = new long[Limits.MAX_DATA_PAGES];
    private final long[] highHashes = new long[Limits.MAX_DATA_PAGES];
    private final long[] ordinals = new long[Limits.MAX_DATA_PAGES];

    /** Pages of this batch by their hashes, one more than their number; 0 for none. */
    private final int[] earlier = new int[ROWS];

    private final int[] counts = new int[PageForm.values().length];
    private int pages;

    /** Packs into memory from {@code arena}. */
    PagePacker(Arena arena, int dictionaryBytes, int pageBytes) {
        this.pageBytes = pageBytes;
        dictionary = new PageDictionary(arena, dictionaryBytes, pageBytes);
        finder = new PageFinder(dictionary.places());
        packed = arena.allocate(MAX_BYTES, Long.BYTES);
        Arrays.fill(memory, MemorySegment.NULL);
    }

    int pageBytes() {
        return pageBytes;
    }

    /** Where {@link #pack} has put it. */
    MemorySegment packed() {
        return packed;
    }

    /** Packs all data pages; the length. The batch's memory is read again by {@link #enter}. */
    int pack(PageBatch batch) {
        list(batch);
        Arrays.fill(earlier, 0);
        Arrays.fill(counts, 0);
        int at = pages;
        for (int page = 0; page < pages; page++) {
            at = pack(page, at);
            packed.set(ValueLayout.JAVA_BYTE, page, forms[page].code());
            counts[forms[page].code()]++;
        }
        for (int page = 0; page < pages; page++) {
            if (forms[page] == PageForm.RAW) {
                MemorySegment.copy(memory[page], offsets[page], packed, at, pageBytes);
                at += pageBytes;
            }
        }
        return at;
    }

    /** Takes the pages as they are, without a look at what they are. */
    void keep(PageBatch batch) {
        list(batch);
        keep();
    }

    /** The same for the last batch. */
    void keep() {
        Arrays.fill(forms, 0, pages, PageForm.RAW);
        Arrays.fill(counts, 0);
        counts[PageForm.RAW.code()] = pages;
    }

    /** Pages of the last batch that were written in this form. */
    int count(PageForm form) {
        return counts[form.code()];
    }

    /** The last batch is on its way in this form: its pages are known to the other side. */
    void enter() {
        for (int page = 0; page < pages; page++) {
            switch (forms[page]) {
                case RAW -> put(page, dictionary.enter(memory[page], offsets[page]));
                case DELTA -> {
                    dictionary.replace(places[page], memory[page], offsets[page]);
                    put(page, places[page]);
                }
                case PATTERN, SAME -> {}
            }
        }
    }

    private void put(int page, int place) {
        finder.put(place, lowHashes[page], highHashes[page], ordinals[page]);
    }

    private void list(PageBatch batch) {
        pages = 0;
        for (int run = 0; run < batch.runCount(); run++) {
            if (batch.kind(run) == PageKind.DATA) {
                MemorySegment data = batch.data(run);
                MemorySegment hashes = batch.hashes(run);
                for (long i = 0; i < batch.pageCount(run); i++) {
                    memory[pages] = data;
                    offsets[pages] = i * pageBytes;
                    lowHashes[pages] = hashes.get(PageForm.WORD, i * PageHash.BYTES);
                    highHashes[pages] = hashes.get(PageForm.WORD, i * PageHash.BYTES + Long.BYTES);
                    ordinals[pages++] = batch.firstOrdinal(run) + i;
                }
            }
        }
    }

    /** Chooses a form and writes what it needs; where the next page's begins. */
    private int pack(int page, int at) {
        if (isPattern(page)) {
            forms[page] = PageForm.PATTERN;
            packed.set(PageForm.WORD, at, memory[page].get(PageForm.WORD, offsets[page]));
            return at + PageForm.PATTERN.fixedBytes();
        }
        int same = findSame(page);
        if (same >= 0) {
            forms[page] = PageForm.SAME;
            packed.set(PageForm.NUMBER, at, same);
            return at + PageForm.SAME.fixedBytes();
        }
        int version = finder.findVersion(ordinals[page]);
        int bytes = version < 0 ? -1 : delta(page, version, at + PageForm.DELTA.fixedBytes());
        if (bytes < 0) {
            forms[page] = PageForm.RAW;
            return at;
        }
        forms[page] = PageForm.DELTA;
        places[page] = version;
        packed.set(PageForm.NUMBER, at, version);
        packed.set(PageForm.NUMBER, (long) at + Integer.BYTES, bytes);
        return at + PageForm.DELTA.fixedBytes() + bytes;
    }

    private int delta(int page, int version, int at) {
        return Delta.encode(
                dictionary.memory(),
                dictionary.offset(version),
                memory[page],
                offsets[page],
                pageBytes,
                packed,
                at,
                pageBytes / DELTA_PART);
    }

    private boolean isPattern(int page) {
        MemorySegment data = memory[page];
        long start = offsets[page];
        long end = start + pageBytes;
        return data.get(PageForm.WORD, start) == data.get(PageForm.WORD, start + Long.BYTES)
                && MemorySegment.mismatch(
                                data, start, end - Long.BYTES, data, start + Long.BYTES, end)
                        < 0;
    }

    /**
     * A place in the dictionary, or behind those the number of an earlier page of the batch; or -1.
     */
    private int findSame(int page) {
        int place = finder.find(lowHashes[page], highHashes[page]);
        if (place >= 0 && isSame(page, dictionary.memory(), dictionary.offset(place))) {
            return place;
        }
        int row = (int) lowHashes[page] & (ROWS - 1);
        int other = earlier[row] - 1;
        if (other < 0) {
            earlier[row] = page + 1;
            return -1;
        }
        return lowHashes[other] == lowHashes[page] && isSame(page, memory[other], offsets[other])
                ? dictionary.places() + other
                : -1;
    }

    /** A hash is a hint; the bytes decide. */
    private boolean isSame(int page, MemorySegment other, long at) {
        long start = offsets[page];
        return MemorySegment.mismatch(
                        memory[page], start, start + pageBytes, other, at, at + pageBytes)
                < 0;
    }
}
