package dev.stillframe.engine.arena;

import java.lang.foreign.MemorySegment;
import net.openhft.chronicle.bytes.Bytes;

/**
 * Memory that can be snapshotted: a whole arena or a part of it. Offsets are in bytes from its
 * beginning; numbers are in the machine's byte order. Any number of threads may read and write.
 * Readers never wait. A write waits only while it is the first to its page during a snapshot, for
 * one copy of the page, and longer only while staging is full.
 *
 * <p>One call is one unit: an image has all of a call's bytes or none of them, whatever their
 * number. As between threads, nothing else is promised than {@link MemorySegment} promises: a call
 * that stores more than one value can be seen half done by a reader.
 *
 * <p>Every method throws {@link IndexOutOfBoundsException} if the bytes are not all inside, {@link
 * IllegalArgumentException} if the offset of a number is not a multiple of its size, and {@link
 * IllegalStateException} after the arena is closed. Nothing is written then.
 */
public interface MemoryRange {
    /** Length in bytes. */
    long sizeBytes();

    byte getByte(long offset);

    void putByte(long offset, byte value);

    short getShort(long offset);

    void putShort(long offset, short value);

    int getInt(long offset);

    void putInt(long offset, int value);

    long getLong(long offset);

    void putLong(long offset, long value);

    /** A load that is ordered as of a {@code volatile} field. */
    int getIntVolatile(long offset);

    /** A store that is ordered as of a {@code volatile} field. */
    void putIntVolatile(long offset, int value);

    /** A load that is ordered as of a {@code volatile} field. */
    long getLongVolatile(long offset);

    /** A store that is ordered as of a {@code volatile} field. */
    void putLongVolatile(long offset, long value);

    /**
     * Stores {@code value} if {@code expected} is there, atomically; whether it was. Ordered as a
     * volatile access.
     */
    boolean compareAndSetInt(long offset, int expected, int value);

    /**
     * Stores {@code value} if {@code expected} is there, atomically; whether it was. Ordered as a
     * volatile access.
     */
    boolean compareAndSetLong(long offset, long expected, long value);

    /** Adds atomically; what was there before. Ordered as a volatile access. */
    int getAndAddInt(long offset, int delta);

    /** Adds atomically; what was there before. Ordered as a volatile access. */
    long getAndAddLong(long offset, long delta);

    /** Fills all of {@code into} with the bytes from {@code offset} on. */
    void get(long offset, MemorySegment into);

    /** Stores all bytes of {@code from} from {@code offset} on. */
    void put(long offset, MemorySegment from);

    /** Stores {@code sizeBytes} times {@code value}. */
    void fill(long offset, long sizeBytes, byte value);

    /** Copies within this range, as if through a buffer between: the two places may overlap. */
    void copy(long fromOffset, long toOffset, long sizeBytes);

    /** A part, with offsets of its own. It ends with the arena. */
    MemoryRange range(long offset, long sizeBytes);

    /**
     * The memory to read, for code that takes a segment; it shows later writes too and ends with
     * the arena.
     */
    MemorySegment reading();

    /**
     * This memory as Chronicle Bytes of a fixed capacity, its cursors at 0; what is at an offset
     * can be read and written everywhere. Writes go through the arena, so snapshots see them as any
     * other. Chronicle's ways around a store (addresses, {@code nativeWrite}) are refused with
     * {@link UnsupportedOperationException}. The view does not own the memory: releasing it
     * releases nothing. Owned by one thread at a time, as Chronicle's cursors are; make one for
     * each thread.
     */
    default Bytes<?> bytes() {
        return new ArenaBytesStore(this).bytesForWrite();
    }

    default char getChar(long offset) {
        return (char) getShort(offset);
    }

    default void putChar(long offset, char value) {
        putShort(offset, (short) value);
    }

    default float getFloat(long offset) {
        return Float.intBitsToFloat(getInt(offset));
    }

    default void putFloat(long offset, float value) {
        putInt(offset, Float.floatToRawIntBits(value));
    }

    default double getDouble(long offset) {
        return Double.longBitsToDouble(getLong(offset));
    }

    default void putDouble(long offset, double value) {
        putLong(offset, Double.doubleToRawLongBits(value));
    }

    /** Fills {@code into}. */
    default void get(long offset, byte[] into) {
        get(offset, MemorySegment.ofArray(into));
    }

    /** Stores all of {@code from}. */
    default void put(long offset, byte[] from) {
        put(offset, MemorySegment.ofArray(from));
    }
}
