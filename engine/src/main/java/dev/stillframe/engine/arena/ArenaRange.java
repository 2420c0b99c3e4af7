package dev.stillframe.engine.arena;

import java.lang.foreign.MemorySegment;

/**
 * A part of an arena. Numbers are aligned if they are in the whole. As thread-safe as the arena.
 */
public record ArenaRange(MemoryRange whole, long start, long sizeBytes) implements MemoryRange {
    private long at(long offset, long size) {
        if (offset < 0 || size < 0 || offset > sizeBytes - size) {
            throw new IndexOutOfBoundsException(
                    "%d bytes at offset 0x%x of a range of 0x%x at 0x%x of %s"
                            .formatted(size, offset, sizeBytes, start, whole));
        }
        return start + offset;
    }

    @Override
    public byte getByte(long offset) {
        return whole.getByte(at(offset, 1));
    }

    @Override
    public void putByte(long offset, byte value) {
        whole.putByte(at(offset, 1), value);
    }

    @Override
    public short getShort(long offset) {
        return whole.getShort(at(offset, 2));
    }

    @Override
    public void putShort(long offset, short value) {
        whole.putShort(at(offset, 2), value);
    }

    @Override
    public int getInt(long offset) {
        return whole.getInt(at(offset, 4));
    }

    @Override
    public void putInt(long offset, int value) {
        whole.putInt(at(offset, 4), value);
    }

    @Override
    public long getLong(long offset) {
        return whole.getLong(at(offset, 8));
    }

    @Override
    public void putLong(long offset, long value) {
        whole.putLong(at(offset, 8), value);
    }

    @Override
    public int getIntVolatile(long offset) {
        return whole.getIntVolatile(at(offset, 4));
    }

    @Override
    public void putIntVolatile(long offset, int value) {
        whole.putIntVolatile(at(offset, 4), value);
    }

    @Override
    public boolean compareAndSetInt(long offset, int expected, int value) {
        return whole.compareAndSetInt(at(offset, 4), expected, value);
    }

    @Override
    public int getAndAddInt(long offset, int delta) {
        return whole.getAndAddInt(at(offset, 4), delta);
    }

    @Override
    public long getLongVolatile(long offset) {
        return whole.getLongVolatile(at(offset, 8));
    }

    @Override
    public void putLongVolatile(long offset, long value) {
        whole.putLongVolatile(at(offset, 8), value);
    }

    @Override
    public boolean compareAndSetLong(long offset, long expected, long value) {
        return whole.compareAndSetLong(at(offset, 8), expected, value);
    }

    @Override
    public long getAndAddLong(long offset, long delta) {
        return whole.getAndAddLong(at(offset, 8), delta);
    }

    @Override
    public void get(long offset, MemorySegment into) {
        whole.get(at(offset, into.byteSize()), into);
    }

    @Override
    public void put(long offset, MemorySegment from) {
        whole.put(at(offset, from.byteSize()), from);
    }

    @Override
    public void fill(long offset, long size, byte value) {
        whole.fill(at(offset, size), size, value);
    }

    @Override
    public void copy(long fromOffset, long toOffset, long size) {
        whole.copy(at(fromOffset, size), at(toOffset, size), size);
    }

    @Override
    public MemoryRange range(long offset, long size) {
        return new ArenaRange(whole, at(offset, size), size);
    }

    @Override
    public MemorySegment reading() {
        return whole.reading().asSlice(start, sizeBytes);
    }
}
