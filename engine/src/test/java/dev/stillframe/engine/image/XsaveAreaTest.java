package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Areas of processors that are not at hand; their places are those that CPUID leaf 0xD gives there.
 */
class XsaveAreaTest {
    private static final int AVX = 2;
    private static final int BOUNDS = 3;
    private static final int MASKS = 5;
    private static final int ZMM_HIGH = 6;
    private static final int ZMM_16 = 7;
    private static final int KEYS = 9;
    private static final long X87_AND_SSE = 3;
    private static final long TILES = 3L << 17;

    private static final Map<Integer, Integer> INTEL =
            Map.of(AVX, 576, BOUNDS, 960, MASKS, 1088, ZMM_HIGH, 1152, ZMM_16, 1664, KEYS, 2688);
    private static final Map<Integer, Integer> AMD =
            Map.of(AVX, 576, MASKS, 832, ZMM_HIGH, 896, ZMM_16, 1408, KEYS, 2432);
    private static final Map<Integer, Integer> SIZES =
            Map.of(AVX, 256, BOUNDS, 64, MASKS, 64, ZMM_HIGH, 512, ZMM_16, 1024, KEYS, 8);

    @Test
    void amdsAreaBecomesIntels() {
        long all = bits(AVX, MASKS, ZMM_HIGH, ZMM_16, KEYS);
        assertThat(XsaveArea.inIntelsLayout(area(AMD, all, 2440)))
                .isEqualTo(area(INTEL, all, 2696));
        long narrow =
                bits(AVX, KEYS); // the place of the keys stays where the wide registers are off
        assertThat(XsaveArea.inIntelsLayout(area(AMD, narrow, 2440)))
                .isEqualTo(area(INTEL, narrow, 2696));
        long keyless = bits(AVX, MASKS, ZMM_HIGH, ZMM_16);
        assertThat(XsaveArea.inIntelsLayout(area(AMD, keyless, 2432)))
                .isEqualTo(area(INTEL, keyless, 2688));
    }

    @Test
    void intelsAreaStays() {
        for (long enabled :
                new long[] {X87_AND_SSE, bits(AVX), bits(AVX, BOUNDS) | 1 << 4, bits(AVX, KEYS)}) {
            int size = (enabled & bits(KEYS) & ~X87_AND_SSE) != 0 ? 2696 : sizeWithoutKeys(enabled);
            byte[] area = area(INTEL, enabled, size);
            assertThat(XsaveArea.inIntelsLayout(area)).isEqualTo(area);
        }
    }

    @Test
    void tilesAreLeftOut() {
        long enabled = bits(AVX, MASKS, ZMM_HIGH, ZMM_16, KEYS);
        byte[] withTiles = area(INTEL, enabled | TILES, 11008);
        Arrays.fill(withTiles, 2752, 11008, (byte) 0x77);
        assertThat(XsaveArea.inIntelsLayout(withTiles)).isEqualTo(area(INTEL, enabled, 2696));
    }

    @Test
    void whatIsNotKnownStays() {
        byte[] unknown = area(AMD, bits(AVX, KEYS), 3000);
        assertThat(XsaveArea.inIntelsLayout(unknown)).isSameAs(unknown);
        byte[] newComponent = area(AMD, bits(AVX, KEYS) | 1 << 12, 2440);
        assertThat(XsaveArea.inIntelsLayout(newComponent)).isSameAs(newComponent);
        byte[] cut = new byte[500];
        assertThat(XsaveArea.inIntelsLayout(cut)).isSameAs(cut);
        byte[] cutTiles = area(INTEL, TILES | X87_AND_SSE, 576);
        ByteBuffer.wrap(cutTiles).order(ByteOrder.LITTLE_ENDIAN).putLong(464, TILES | bits(AVX));
        assertThat(XsaveArea.inIntelsLayout(cutTiles)).isSameAs(cutTiles);
    }

    private static int sizeWithoutKeys(long enabled) {
        return (enabled & 1 << BOUNDS) != 0 ? 1088 : (enabled & 1 << AVX) != 0 ? 832 : 576;
    }

    private static long bits(int... components) {
        long bits = X87_AND_SSE;
        for (int component : components) {
            bits |= 1L << component;
        }
        return bits;
    }

    /**
     * An area in which every byte of a component is its number, and those before are counted up.
     */
    private static byte[] area(Map<Integer, Integer> offsets, long enabled, int sizeBytes) {
        byte[] area = new byte[sizeBytes];
        for (int at = 0; at < 464; at++) {
            area[at] = (byte) at;
        }
        ByteBuffer.wrap(area)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(464, enabled)
                .putLong(512, enabled);
        offsets.forEach(
                (component, offset) -> {
                    if ((enabled >>> component & 1) != 0) {
                        int size = SIZES.getOrDefault(component, 0);
                        Arrays.fill(area, offset, offset + size, component.byteValue());
                    }
                });
        return area;
    }
}
