package dev.stillframe.transport.encoding;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** How one page is written in a packed batch. */
public enum PageForm {
    /** As it is in memory. */
    RAW(0, 0),

    /** One word, which the page repeats. */
    PATTERN(1, Long.BYTES),

    /** The place of the same page in the dictionary, or earlier in the batch. */
    SAME(2, Integer.BYTES),

    /** The place of a similar page in the dictionary, a length, and the {@link Delta}. */
    DELTA(3, 2 * Integer.BYTES);

    /** The word of a {@link #PATTERN}, and of a page's hash. */
    static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** A place or a length. */
    static final ValueLayout.OfInt NUMBER =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final PageForm[] FORMS = values();

    private final byte code;
    private final int fixedBytes;

    PageForm(int code, int fixedBytes) {
        this.code = (byte) code;
        this.fixedBytes = fixedBytes;
    }

    byte code() {
        return code;
    }

    /** What stands for the page among the operands, without the delta itself. */
    int fixedBytes() {
        return fixedBytes;
    }

    /** Whether {@code code} is that of a form. */
    static boolean isKnown(byte code) {
        return code >= 0 && code < FORMS.length;
    }

    static PageForm of(byte code) {
        return FORMS[code];
    }
}
