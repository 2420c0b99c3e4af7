package dev.stillframe.engine.memory;

/**
 * A half-open range of virtual addresses, {@code [start, end)}. Addresses are unsigned 64-bit
 * numbers; user space of every supported machine lies below 2^63, so they compare as signed.
 * Immutable.
 *
 * @param start first address, at least 0
 * @param end the address behind the last, greater than {@code start}
 */
public record AddressRange(long start, long end) {
    /** Rejects empty and negative ranges. */
    public AddressRange {
        if (start < 0 || end <= start) {
            throw new IllegalArgumentException(
                    "not a range: " + Long.toHexString(start) + "-" + Long.toHexString(end));
        }
    }

    /** Length in bytes, at least 1. */
    public long sizeBytes() {
        return end - start;
    }

    /** Whether {@code address} lies in the range. */
    public boolean contains(long address) {
        return address >= start && address < end;
    }

    /** Whether the two ranges share an address. */
    public boolean overlaps(AddressRange other) {
        return start < other.end && other.start < end;
    }

    /** The range as {@code /proc/PID/maps} writes it: {@code 7f00a000-7f00c000}. */
    @Override
    public String toString() {
        return Long.toHexString(start) + "-" + Long.toHexString(end);
    }
}
