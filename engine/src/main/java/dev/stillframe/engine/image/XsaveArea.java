package dev.stillframe.engine.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The vector registers of a core file of x86-64: an XSAVE area in the standard format (Intel SDM
 * volume 1, 13.4). Where a component lies in it is a property of the processor (CPUID leaf 0xD),
 * and debuggers know Intel's places: gdb up to 13 no others, newer ones judge by the size. So the
 * area is rearranged as gdb's own {@code gcore} writes it, up to the protection keys' register,
 * behind which no debugger looks. The processor of the image need not be this one: with what its
 * places are, the size of the area and the components that are enabled say which of the known ones
 * it has. Stateless.
 */
final class XsaveArea {
    /** {@code struct fxregs_state} and the header behind it, on every processor. */
    private static final int LEGACY_BYTES = 576;

    /**
     * The components that are enabled, XCR0, as the kernel puts it into the part of the FXSAVE
     * image that is left to software: {@code struct _fpx_sw_bytes}, {@code
     * arch/x86/include/uapi/asm/sigcontext.h}.
     */
    private static final int ENABLED_AT = 464;

    /** XSTATE_BV, the components that are not in their initial state. */
    private static final int PRESENT_AT = 512;

    /** By number of the component; 0 and 1 are the FXSAVE image, 8 is no user state. */
    private static final int[] SIZES = {0, 0, 256, 64, 64, 64, 512, 1024, 0, 8};

    private static final int[] INTEL = {0, 0, 576, 960, 1024, 1088, 1152, 1664, 0, 2688};

    /** AMD has no bound registers (3 and 4), and no room for them. */
    private static final int[] AMD = {0, 0, 576, 0, 0, 832, 896, 1408, 0, 2432};

    private static final long AMD_COMPONENTS = 0b10_1110_0111;
    private static final long COMPONENTS = 0b10_1111_1111;

    /** Tiles, components 17 and 18, are behind all others, and only on Intel's processors. */
    private static final long TILES = 3L << 17;

    private XsaveArea() {}

    /**
     * The area with every component at Intel's place.
     *
     * @param area {@code NT_X86_XSTATE} as the kernel gave it; it is not changed
     * @return the same area if it is so already, or if its layout is not known
     */
    static byte[] inIntelsLayout(byte[] area) {
        if (area.length < LEGACY_BYTES) {
            return area;
        }
        ByteBuffer from = ByteBuffer.wrap(area).order(ByteOrder.LITTLE_ENDIAN);
        long enabled = from.getLong(ENABLED_AT);
        return offsets(enabled, area.length).map(offsets -> rearranged(from, offsets)).orElse(area);
    }

    private static Optional<int[]> offsets(long enabled, int sizeBytes) {
        if ((enabled & TILES) != 0 || sizeBytes == end(INTEL, enabled)) {
            return sizeBytes < end(INTEL, enabled) ? Optional.empty() : Optional.of(INTEL);
        }
        boolean amd = (enabled & ~AMD_COMPONENTS) == 0 && sizeBytes == end(AMD, enabled);
        return amd ? Optional.of(AMD) : Optional.empty();
    }

    private static byte[] rearranged(ByteBuffer from, int[] offsets) {
        long enabled = from.getLong(ENABLED_AT) & COMPONENTS;
        byte[] area = new byte[end(INTEL, enabled)];
        ByteBuffer to = ByteBuffer.wrap(area).order(ByteOrder.LITTLE_ENDIAN);
        to.put(0, from, 0, LEGACY_BYTES);
        to.putLong(ENABLED_AT, enabled);
        to.putLong(PRESENT_AT, from.getLong(PRESENT_AT) & COMPONENTS);
        for (int component = 2; component < SIZES.length; component++) {
            if ((enabled >>> component & 1) != 0) {
                to.put(INTEL[component], from, offsets[component], SIZES[component]);
            }
        }
        return area;
    }

    /** Where the last of the enabled components ends. */
    private static int end(int[] offsets, long enabled) {
        int end = LEGACY_BYTES;
        for (int component = 2; component < SIZES.length; component++) {
            if ((enabled >>> component & 1) != 0) {
                end = Math.max(end, offsets[component] + SIZES[component]);
            }
        }
        return end;
    }
}
