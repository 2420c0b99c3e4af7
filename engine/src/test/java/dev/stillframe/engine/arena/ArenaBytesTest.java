package dev.stillframe.engine.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import net.openhft.chronicle.bytes.Bytes;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ArenaBytesTest {
    private static final int SIZE = 4 * MemoryArena.PAGE_BYTES;

    private final MemoryArena arena = MemoryArena.emulated("bytes", SIZE);

    @AfterEach
    void closeArena() {
        arena.close();
    }

    @Test
    void whatChronicleWritesChronicleReads() {
        Bytes<?> bytes = arena.bytes();
        bytes.writeUtf8("häßlich")
                .writeInt(7)
                .writeStopBit(1234567)
                .write8bit("plain")
                .writeDouble(2.5)
                .append("text ")
                .append(42);
        assertThat(bytes.readUtf8()).isEqualTo("häßlich");
        assertThat(bytes.readInt()).isEqualTo(7);
        assertThat(bytes.readStopBit()).isEqualTo(1234567);
        assertThat(bytes.read8bit()).isEqualTo("plain");
        assertThat(bytes.readDouble()).isEqualTo(2.5);
        assertThat(bytes.toString()).isEqualTo("text 42");
        bytes.releaseLast();
        assertThat(
                        arena.reading()
                                .asSlice(0, 9)
                                .mismatch(
                                        MemorySegment.ofArray(
                                                "häßlich".getBytes(StandardCharsets.UTF_8))))
                .isEqualTo(0); // the length comes first
    }

    @Test
    void compareAndSwapAndAdditionsAreTheArenas() {
        Bytes<?> bytes = arena.bytes();
        assertThat(bytes.compareAndSwapLong(8, 0, 5)).isTrue();
        assertThat(bytes.addAndGetLong(8, 2)).isEqualTo(7);
        assertThat(bytes.addAndGetInt(16, 3)).isEqualTo(3);
        assertThat(arena.getLong(8)).isEqualTo(7);
        assertThat(arena.getInt(16)).isEqualTo(3);
        bytes.releaseLast();
    }

    @Test
    void noAddressIsGivenAwayAndNothingIsWrittenBehindTheEnd() {
        Bytes<?> bytes = arena.range(8, 16).bytes();
        assertThatThrownBy(() -> bytes.addressForWrite(0))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> bytes.addressForRead(0))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> bytes.writeLong(12, 1)).isInstanceOf(RuntimeException.class);
        bytes.writeLong(8, -1);
        bytes.releaseLast();
        assertThat(arena.getLong(16)).isEqualTo(-1);
        assertThat(arena.getLong(24)).isZero();
    }

    /** The same random calls on Chronicle's own memory and on the arena. */
    @Test
    void randomCallsDoWhatTheyDoOnChroniclesOwnMemory() {
        long seed = Long.getLong("stillframe.seed", System.nanoTime());
        System.out.println("repeat with -Dstillframe.seed=" + seed);
        Random random = new Random(seed);
        byte[] array = new byte[SIZE];
        Bytes<byte[]> model = Bytes.wrapForWrite(array);
        Bytes<?> bytes = arena.bytes();
        for (int turn = 0; turn < 5_000; turn++) {
            long callSeed = random.nextLong();
            call(model, new Random(callSeed));
            call(bytes, new Random(callSeed));
            assertThat(arena.reading().mismatch(MemorySegment.ofArray(array)))
                    .as("turn %d", turn)
                    .isEqualTo(-1);
            assertThat(bytes.writePosition()).isEqualTo(model.writePosition());
        }
        bytes.releaseLast();
        model.releaseLast();
    }

    private static void call(Bytes<?> on, Random random) {
        long offset = random.nextInt(SIZE - 200);
        byte[] some = new byte[random.nextInt(200)];
        random.nextBytes(some);
        switch (random.nextInt(14)) {
            case 0 -> on.writeLong(offset, random.nextLong());
            case 1 -> on.writeInt(offset, random.nextInt());
            case 2 -> on.writeShort(offset, (short) random.nextInt());
            case 3 -> on.writeByte(offset, (byte) random.nextInt());
            case 4 -> on.writeDouble(offset, random.nextDouble());
            case 5 -> on.writeFloat(offset, random.nextFloat());
            case 6 -> on.write(offset, some);
            case 7 -> on.write(offset, ByteBuffer.wrap(some), 0, some.length);
            case 8 -> on.write(offset, Bytes.wrapForRead(some));
            case 9 -> on.move(offset, random.nextInt(SIZE - 200), 150);
            case 10 -> on.writeOrderedLong(offset & -8, random.nextLong());
            case 11 -> on.writeVolatileInt(offset & -4, random.nextInt());
            case 12 -> on.zeroOut(offset, offset + some.length);
            default -> sequential(on, random, some);
        }
    }

    private static void sequential(Bytes<?> on, Random random, byte[] some) {
        if (on.writeRemaining() < 500) {
            on.clear();
        }
        switch (random.nextInt(5)) {
            case 0 -> on.writeLong(random.nextLong());
            case 1 -> on.write(some);
            case 2 -> on.writeUtf8("ünïcode " + random.nextInt());
            case 3 -> on.append(random.nextLong()).append(' ').append("abc");
            default -> on.write8bit("eight " + random.nextInt());
        }
    }
}
