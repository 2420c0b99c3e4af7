package dev.stillframe.transport.encoding;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A wire and a processor of known speeds: what is settled on, and what that costs. */
class ChoiceTest {
    private static final long BATCH_BYTES = 1 << 20;

    /**
     * Speeds in bytes a nanosecond, ratios as the part that is left. One thread encodes while the
     * wire takes what was encoded before.
     */
    private record World(double wire, double lz4, double lz4Left, double zstd, double zstdLeft) {
        double encodeNanos(Encoding encoding) {
            return switch (encoding) {
                case RAW, PACKED, KEPT -> 0.05 * BATCH_BYTES;
                case LZ4 -> BATCH_BYTES / lz4;
                case ZSTD -> BATCH_BYTES / zstd;
            };
        }

        double wireNanos(Encoding encoding) {
            double left =
                    switch (encoding) {
                        case RAW, PACKED, KEPT -> 1;
                        case LZ4 -> lz4Left;
                        case ZSTD -> zstdLeft;
                    };
            return left * BATCH_BYTES / wire;
        }

        double batchNanos(Encoding encoding) {
            return Math.max(encodeNanos(encoding), wireNanos(encoding));
        }
    }

    /** The wire still has to take what was sent before: what is gained shows late. */
    @Test
    void whatAWireHasInStoreDoesNotHideTheGain() {
        World world = new World(0.03, 0.7, 0.7, 0.4, 0.35);
        Choice choice = new Choice(Preset.ADAPTIVE);
        Deque<Double> store = new ArrayDeque<>(List.of(0.0, 0.0, 0.0, 0.0));
        for (int i = 0; i < 300; i++) {
            Encoding encoding = choice.next();
            choice.sent(BATCH_BYTES);
            choice.spent(Choice.Spell.BUSY, (long) world.encodeNanos(encoding));
            store.add(world.wireNanos(encoding));
            choice.spent(Choice.Spell.WAITING, store.remove().longValue());
        }
        assertThat(choice.next()).isEqualTo(Encoding.ZSTD);
    }

    private static double send(Choice choice, World world, Encoding[] last, int batches) {
        double nanos = 0;
        for (int i = 0; i < batches; i++) {
            Encoding encoding = choice.next();
            last[0] = encoding;
            choice.sent(BATCH_BYTES);
            double busy = world.encodeNanos(encoding);
            choice.spent(Choice.Spell.BUSY, (long) busy);
            double waits = Math.max(0, world.wireNanos(encoding) - busy);
            choice.spent(Choice.Spell.WAITING, (long) waits);
            nanos += busy + waits;
        }
        return nanos;
    }

    @ParameterizedTest
    @CsvSource({
        // wire GB/s, LZ4 GB/s and what it leaves, zstd GB/s and what it leaves
        "3,    0.7, 0.5,  0.4, 0.35", // loopback: nothing is worth it
        "1.2,  0.7, 0.5,  0.4, 0.35", // 10 Gbit/s
        "0.12, 0.7, 0.5,  0.4, 0.35", // 1 Gbit/s
        "0.012, 0.7, 0.5, 0.4, 0.35", // 100 Mbit/s
        "0.12, 0.7, 1.0,  0.4, 1.0", // what cannot be compressed
        "0.12, 0.7, 0.97, 0.4, 0.6", // what only zstd compresses
        "0.3,  0.7, 0.4,  0.2, 0.3", // where zstd is too slow
        "10,   0.7, 0.1,  0.4, 0.1",
    })
    void itCostsLittleMoreThanTheBestForThisWorld(
            double wire, double lz4, double lz4Left, double zstd, double zstdLeft) {
        World world = new World(wire, lz4, lz4Left, zstd, zstdLeft);
        double best = Double.MAX_VALUE;
        for (Encoding encoding : new Encoding[] {Encoding.RAW, Encoding.LZ4, Encoding.ZSTD}) {
            best = Math.min(best, world.batchNanos(encoding));
        }
        Choice choice = new Choice(Preset.ADAPTIVE);
        send(choice, world, new Encoding[1], 2_000);
        int batches = 20_000;
        assertThat(send(choice, world, new Encoding[1], batches)).isLessThan(1.15 * best * batches);
    }

    @Test
    void aWireThatBecomesFasterNeedsLessEffort() {
        World slow = new World(0.02, 0.7, 0.5, 0.4, 0.35);
        World fast = new World(3, 0.7, 0.5, 0.4, 0.35);
        Choice choice = new Choice(Preset.ADAPTIVE);
        Encoding[] last = new Encoding[1];
        send(choice, slow, last, 1_000);
        assertThat(last[0]).isEqualTo(Encoding.ZSTD);
        send(choice, fast, last, 1_000);
        assertThat(last[0]).isEqualTo(Encoding.RAW);
        send(choice, slow, last, 10_000);
        assertThat(last[0]).isEqualTo(Encoding.ZSTD);
    }

    @Test
    void timeWithoutPagesSaysNothingOfTheWire() {
        Choice choice = new Choice(Preset.ADAPTIVE);
        for (int i = 0; i < 10_000; i++) {
            choice.sent(BATCH_BYTES);
            choice.spent(Choice.Spell.BUSY, 300_000);
            choice.spent(Choice.Spell.IDLE, 10_000_000);
            assertThat(choice.next()).isEqualTo(Encoding.RAW);
        }
    }

    @ParameterizedTest
    @CsvSource({"OFF, RAW", "FAST, LZ4", "SMALL, ZSTD"})
    void otherPresetsAreAsTheySay(Preset preset, Encoding encoding) {
        Choice choice = new Choice(preset);
        Encoding[] last = new Encoding[1];
        send(choice, new World(0.02, 0.7, 0.5, 0.4, 0.35), last, 100);
        assertThat(last[0]).isEqualTo(encoding);
        send(choice, new World(3, 0.7, 1, 0.4, 1), last, 100);
        assertThat(last[0]).isEqualTo(encoding);
    }
}
