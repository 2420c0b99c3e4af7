package dev.stillframe.tests.image;

import dev.stillframe.engine.memory.AddressRange;

/** What the memory of {@code discard.c} holds after each of its operations. Owned by one thread. */
public final class DiscardModel {
    private static final int PAGE_BYTES = 4096;

    private final long area;
    private final long rangePages;
    private final int[] placeOf;
    private final long[] filledBy;
    private int spare;
    private long done;

    /**
     * Before the first operation: {@code ranges} ranges of {@code rangePages} pages from address
     * {@code area}.
     */
    public DiscardModel(long area, long rangePages, int ranges) {
        this.area = area;
        this.rangePages = rangePages;
        placeOf = new int[ranges];
        filledBy = new long[ranges];
        spare = ranges;
        for (int range = 0; range < ranges; range++) {
            placeOf[range] = range;
            filledBy[range] = Long.MIN_VALUE + range;
        }
    }

    /** Does the next operation. */
    public void step() {
        done++;
        int range = rangeOf(done);
        if (Long.remainderUnsigned(Long.divideUnsigned(mix(done), 256), 3) == 2) {
            int old = placeOf[range];
            placeOf[range] = spare;
            spare = old;
        }
        filledBy[range] = done;
    }

    /** How many operations were done. */
    public long done() {
        return done;
    }

    /** How many ranges there are. */
    public int ranges() {
        return placeOf.length;
    }

    /** The range that operation {@code operation} takes. */
    public int rangeOf(long operation) {
        return (int) Long.remainderUnsigned(mix(operation), placeOf.length);
    }

    /** Where a range is now. */
    public AddressRange addresses(int range) {
        return place(placeOf[range]);
    }

    /** The place where no range is now. */
    public AddressRange spare() {
        return place(spare);
    }

    /** The first word of each page of a range; the last is this times the page's number. */
    public long filledBy(int range) {
        return filledBy[range];
    }

    private AddressRange place(int number) {
        long start = area + number * rangePages * PAGE_BYTES;
        return new AddressRange(start, start + rangePages * PAGE_BYTES);
    }

    private static long mix(long number) {
        long z = number + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
