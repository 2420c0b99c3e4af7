package dev.stillframe.transport.encoding;

import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The other side of {@link PagePacker}. Whatever the bytes are, it stays within its memory and that
 * of the batch, and its time follows from their sizes. Owned by one thread.
 */
final class PageUnpacker {
    private final PageDictionary dictionary;
    private final int pageBytes;
    private final int[] places;
    private MemorySegment packed = MemorySegment.NULL;
    private MemorySegment pages = MemorySegment.NULL;
    private int at;
    private int operandsEnd;

    /** Its dictionary is in memory from {@code arena}. */
    PageUnpacker(Arena arena, int dictionaryBytes, int pageBytes, int maxPages) {
        this.pageBytes = pageBytes;
        dictionary = new PageDictionary(arena, dictionaryBytes, pageBytes);
        places = new int[maxPages];
    }

    int pageBytes() {
        return pageBytes;
    }

    /** Fills all contents of the batch. */
    void unpack(MemorySegment from, BatchBuffer into) throws ProtocolException {
        packed = from;
        pages = into.contents();
        int count = into.dataPages();
        long rawAt = from.byteSize() - (long) countRaw(count) * pageBytes;
        if (rawAt < count) {
            throw broken("is too short for its pages");
        }
        at = count;
        operandsEnd = (int) rawAt;
        for (int page = 0; page < count; page++) {
            PageForm form = form(page);
            if (form == PageForm.RAW) {
                MemorySegment.copy(packed, rawAt, pages, (long) page * pageBytes, pageBytes);
                rawAt += pageBytes;
            } else {
                unpack(page, form);
            }
        }
        if (at != operandsEnd) {
            throw broken("is longer than its pages");
        }
        enter(count);
    }

    /** Puts all pages of a batch into the dictionary. */
    void keep(BatchBuffer batch) {
        MemorySegment all = batch.contents();
        for (int page = 0; page < batch.dataPages(); page++) {
            dictionary.enter(all, (long) page * pageBytes);
        }
    }

    private int countRaw(int count) throws ProtocolException {
        if (packed.byteSize() < count) {
            throw broken("is too short for its pages");
        }
        int raw = 0;
        for (int page = 0; page < count; page++) {
            byte code = packed.get(ValueLayout.JAVA_BYTE, page);
            if (!PageForm.isKnown(code)) {
                throw broken("has a page of the form " + code);
            }
            raw += code == PageForm.RAW.code() ? 1 : 0;
        }
        return raw;
    }

    private PageForm form(int page) {
        return PageForm.of(packed.get(ValueLayout.JAVA_BYTE, page));
    }

    private void unpack(int page, PageForm form) throws ProtocolException {
        int operand = take(form.fixedBytes());
        long into = (long) page * pageBytes;
        switch (form) {
            case PATTERN -> fill(into, packed.get(PageForm.WORD, operand));
            case SAME -> copySame(page, packed.get(PageForm.NUMBER, operand));
            case DELTA -> {
                int place = packed.get(PageForm.NUMBER, operand);
                int bytes = packed.get(PageForm.NUMBER, (long) operand + Integer.BYTES);
                checkPlace(place);
                places[page] = place;
                int delta = take(bytes);
                Delta.decode(
                        packed,
                        delta,
                        bytes,
                        dictionary.memory(),
                        dictionary.offset(place),
                        pages,
                        into,
                        pageBytes);
            }
            case RAW -> throw new IllegalStateException("has no operand");
        }
    }

    private void fill(long into, long word) {
        for (long offset = 0; offset < pageBytes; offset += Long.BYTES) {
            pages.set(PageForm.WORD, into + offset, word);
        }
    }

    private void copySame(int page, int place) throws ProtocolException {
        long into = (long) page * pageBytes;
        if (place >= dictionary.places()) {
            int earlier = place - dictionary.places();
            if (earlier >= page) {
                throw broken("has a page that is the same as a later one");
            }
            MemorySegment.copy(pages, (long) earlier * pageBytes, pages, into, pageBytes);
        } else {
            checkPlace(place);
            MemorySegment.copy(
                    dictionary.memory(), dictionary.offset(place), pages, into, pageBytes);
        }
    }

    private void checkPlace(int place) throws ProtocolException {
        if (!dictionary.isKnown(place)) {
            throw broken("names place " + place + " of the dictionary, where nothing is");
        }
    }

    /** The place of the next {@code bytes} operands. */
    private int take(int bytes) throws ProtocolException {
        if (bytes < 0 || bytes > operandsEnd - at) {
            throw broken("is too short for its pages");
        }
        int start = at;
        at += bytes;
        return start;
    }

    private void enter(int count) {
        for (int page = 0; page < count; page++) {
            long from = (long) page * pageBytes;
            switch (form(page)) {
                case RAW -> dictionary.enter(pages, from);
                case DELTA -> dictionary.replace(places[page], pages, from);
                case PATTERN, SAME -> {}
            }
        }
    }

    private static ProtocolException broken(String what) {
        return new ProtocolException(ErrorCode.MALFORMED, "a packed batch " + what);
    }
}
