package dev.stillframe.tests.oracle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The stores that one write of {@code oracle.c} makes into its page, one by one. Stateless. */
final class OraclePage {
    /** Where each store goes, in the order of the stores. */
    private static final int[] SLOT_OFFSET = {
        0, 4088, 2048, 1024, 3072, 512, 2560, 1536, 3584, 256, 2304, 1280, 3328, 768, 2816, 1792
    };

    /** Stores of one write. */
    static final int SLOTS = SLOT_OFFSET.length;

    /** The store that holds the cause. */
    static final int CAUSE_SLOT = 2;

    /** The store that binds the cause to its write. */
    static final int SEAL_SLOT = 3;

    static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final long GOLDEN_INVERSE = 0xF1DE83E19937733DL;

    private OraclePage() {}

    /** Makes store {@code slot} of a write. */
    static void store(MemorySegment page, int slot, long base, long write, long cause) {
        page.set(WORD, SLOT_OFFSET[slot], value(slot, base, write, cause));
    }

    /** The same to the page at {@code offset} of some memory. */
    static void store(
            OracleMemory memory, long offset, int slot, long base, long write, long cause) {
        memory.set(offset + SLOT_OFFSET[slot], value(slot, base, write, cause));
    }

    /** Makes all stores of a write. */
    static void storeAll(MemorySegment page, long base, long write, long cause) {
        for (int slot = 0; slot < SLOTS; slot++) {
            store(page, slot, base, write, cause);
        }
    }

    /** What the page at {@code offset} of {@code region} holds in a slot. */
    static long slot(MemorySegment region, long offset, int slot) {
        return region.get(WORD, offset + SLOT_OFFSET[slot]);
    }

    /** The cause that a page's seal was made with. */
    static long unseal(long seal, long base) {
        return (seal ^ base) * GOLDEN_INVERSE;
    }

    /** What all values of a write are made from. */
    static long base(long seed, long write, long cell) {
        long z = seed + write * GOLDEN + cell * 0xC2B2AE3D27D4EB4FL;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    private static long value(int slot, long base, long write, long cause) {
        return switch (slot) {
            case 0 -> write;
            case CAUSE_SLOT -> cause;
            case SEAL_SLOT -> base ^ (cause * GOLDEN);
            default -> base + slot;
        };
    }
}
