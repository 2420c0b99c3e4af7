package dev.stillframe.engine.arena;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import net.openhft.chronicle.bytes.BytesStore;
import net.openhft.chronicle.bytes.BytesUtil;
import net.openhft.chronicle.bytes.RandomDataInput;
import net.openhft.chronicle.bytes.internal.AbstractBytesStore;
import org.jspecify.annotations.Nullable;

/**
 * A part of an arena as a Chronicle store. It says that it is no direct memory and has no address
 * to give, so that Chronicle has no way to write but through the methods here, which go through the
 * arena; the price is that its shortcuts for direct memory are not taken. Numbers need no
 * alignment, as Chronicle has it, but for compare-and-swap and volatile and ordered stores of more
 * than a byte, which throw {@link IllegalArgumentException} otherwise. Owned by one thread at a
 * time.
 */
final class ArenaBytesStore extends AbstractBytesStore<ArenaBytesStore, Void> {
    /** Digits of a long, a sign, a point and zeros beside it. */
    private static final int MOST_DIGITS = 32;

    private final MemoryRange range;
    private final MemorySegment reading;

    ArenaBytesStore(MemoryRange range) {
        super(false);
        this.range = range;
        this.reading = range.reading();
        singleThreadedCheckDisabled(
                true); // the memory is for any thread; the cursors above it have the check
    }

    @Override
    public boolean isDirectMemory() {
        return false;
    }

    @Override
    public boolean sharedMemory() {
        return false;
    }

    @Override
    public long capacity() {
        return range.sizeBytes();
    }

    @Override
    public long realCapacity() {
        return range.sizeBytes();
    }

    @Override
    public @Nullable Void underlyingObject() {
        return null;
    }

    @Override
    protected void performRelease() {
        // the memory is the arena's
    }

    @Override
    public BytesStore<ArenaBytesStore, Void> copy() {
        throw new UnsupportedOperationException(
                "a view of an arena cannot be copied: read it into Bytes of your own");
    }

    @Override
    public long addressForRead(long offset) {
        throw noAddress();
    }

    @Override
    public long addressForWrite(long offset) {
        throw noAddress();
    }

    @Override
    public long addressForWritePosition() {
        throw noAddress();
    }

    @Override
    public void nativeRead(long position, long address, long size) {
        throw noAddress();
    }

    @Override
    public void nativeWrite(long address, long position, long size) {
        throw noAddress();
    }

    private static UnsupportedOperationException noAddress() {
        return new UnsupportedOperationException(
                "an arena gives no address away: every write must pass its barrier");
    }

    /** As the arena sees it: the range may begin anywhere. */
    private boolean isAligned(long offset, int bytes) {
        return (reading.address() + offset) % bytes == 0;
    }

    @Override
    public byte readByte(long offset) {
        return reading.get(JAVA_BYTE, offset);
    }

    @Override
    public byte readVolatileByte(long offset) {
        byte value = reading.get(JAVA_BYTE, offset);
        VarHandle.acquireFence();
        return value;
    }

    @Override
    public float readFloat(long offset) {
        return Float.intBitsToFloat(readInt(offset));
    }

    @Override
    public double readDouble(long offset) {
        return Double.longBitsToDouble(readLong(offset));
    }

    @Override
    public short readShort(long offset) {
        return reading.get(JAVA_SHORT_UNALIGNED, offset);
    }

    @Override
    public short readVolatileShort(long offset) {
        short value = reading.get(JAVA_SHORT_UNALIGNED, offset);
        VarHandle.acquireFence();
        return value;
    }

    @Override
    public ArenaBytesStore writeShort(long offset, short value) {
        if (isAligned(offset, Short.BYTES)) {
            range.putShort(offset, value);
        } else {
            range.put(offset, MemorySegment.ofArray(new short[] {value}));
        }
        return this;
    }

    @Override
    public ArenaBytesStore writeVolatileShort(long offset, short value) {
        VarHandle.releaseFence();
        range.putShort(offset, value);
        VarHandle.fullFence();
        return this;
    }

    @Override
    public int readInt(long offset) {
        return reading.get(JAVA_INT_UNALIGNED, offset);
    }

    @Override
    public int readVolatileInt(long offset) {
        return range.getIntVolatile(offset);
    }

    @Override
    public ArenaBytesStore writeInt(long offset, int value) {
        if (isAligned(offset, Integer.BYTES)) {
            range.putInt(offset, value);
        } else {
            range.put(offset, MemorySegment.ofArray(new int[] {value}));
        }
        return this;
    }

    @Override
    public ArenaBytesStore writeVolatileInt(long offset, int value) {
        range.putIntVolatile(offset, value);
        return this;
    }

    @Override
    public ArenaBytesStore writeOrderedInt(long offset, int value) {
        range.putIntVolatile(offset, value);
        return this;
    }

    @Override
    public boolean compareAndSwapInt(long offset, int expected, int value) {
        return range.compareAndSetInt(offset, expected, value);
    }

    @Override
    public long readLong(long offset) {
        return reading.get(JAVA_LONG_UNALIGNED, offset);
    }

    @Override
    public long readVolatileLong(long offset) {
        return range.getLongVolatile(offset);
    }

    @Override
    public ArenaBytesStore writeLong(long offset, long value) {
        if (isAligned(offset, Long.BYTES)) {
            range.putLong(offset, value);
        } else {
            range.put(offset, MemorySegment.ofArray(new long[] {value}));
        }
        return this;
    }

    @Override
    public ArenaBytesStore writeVolatileLong(long offset, long value) {
        range.putLongVolatile(offset, value);
        return this;
    }

    @Override
    public ArenaBytesStore writeOrderedLong(long offset, long value) {
        range.putLongVolatile(offset, value);
        return this;
    }

    @Override
    public boolean compareAndSwapLong(long offset, long expected, long value) {
        return range.compareAndSetLong(offset, expected, value);
    }

    @Override
    public void testAndSetInt(long offset, int expected, int value) {
        if (!compareAndSwapInt(offset, expected, value)) {
            throw new IllegalStateException(
                    "at offset 0x%x is %d, not %d"
                            .formatted(offset, readVolatileInt(offset), expected));
        }
    }

    @Override
    public ArenaBytesStore writeByte(long offset, byte value) {
        range.putByte(offset, value);
        return this;
    }

    @Override
    public ArenaBytesStore writeVolatileByte(long offset, byte value) {
        VarHandle.releaseFence();
        range.putByte(offset, value);
        VarHandle.fullFence();
        return this;
    }

    @Override
    public ArenaBytesStore writeFloat(long offset, float value) {
        return writeInt(offset, Float.floatToRawIntBits(value));
    }

    @Override
    public ArenaBytesStore writeDouble(long offset, double value) {
        return writeLong(offset, Double.doubleToRawLongBits(value));
    }

    @Override
    public ArenaBytesStore write(long offset, byte[] bytes, int start, int length) {
        range.put(offset, MemorySegment.ofArray(bytes).asSlice(start, length));
        return this;
    }

    @Override
    public void write(long offset, ByteBuffer bytes, int start, int length) {
        range.put(offset, MemorySegment.ofBuffer(bytes.duplicate().clear()).asSlice(start, length));
    }

    @Override
    public ArenaBytesStore write(long offset, RandomDataInput bytes, long start, long length) {
        byte[] buffer =
                new byte
                        [Math.toIntExact(
                                length)]; // the source may be anything, this memory as well
        for (int i = 0; i < buffer.length; i++) {
            buffer[i] = bytes.readByte(start + i);
        }
        range.put(offset, buffer);
        return this;
    }

    @Override
    public long write8bit(long position, BytesStore<?, ?> bytes) {
        long length = bytes.readRemaining();
        long at = BytesUtil.writeStopBit(this, position, length);
        write(at, bytes, bytes.readPosition(), length);
        return at + length;
    }

    @Override
    public long write8bit(long position, String text, int start, int length) {
        long at = BytesUtil.writeStopBit(this, position, length);
        range.put(at, text.substring(start, start + length).getBytes(ISO_8859_1));
        return at + length;
    }

    /**
     * Chronicle writes the digits of a number backwards: elsewhere, so that here they are one
     * write.
     */
    @Override
    public long appendAndReturnLength(
            long position, boolean negative, long mantissa, int exponent, boolean append0) {
        byte[] digits = new byte[Math.addExact(MOST_DIGITS, Math.abs(exponent))];
        BytesStore<?, byte[]> scratch = BytesStore.wrap(digits);
        long length = scratch.appendAndReturnLength(0, negative, mantissa, exponent, append0);
        range.put(position, MemorySegment.ofArray(digits).asSlice(0, length));
        return length;
    }

    @Override
    public ArenaBytesStore zeroOut(long start, long end) {
        range.fill(start, end - start, (byte) 0);
        return this;
    }

    @Override
    public void move(long from, long to, long length) {
        range.copy(from, to, length);
    }
}
