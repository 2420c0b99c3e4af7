package dev.stillframe.engine.conformance;

import java.util.Arrays;

/** Bytes as scenarios write them. Stateless. */
final class Bytes {
    private Bytes() {}

    /** A byte from text that {@link Operand#VALUE} accepted. */
    static byte parse(String text) {
        return text.startsWith("'") ? (byte) text.charAt(1) : (byte) (long) Long.decode(text);
    }

    static byte[] filled(long count, byte value) {
        byte[] bytes = new byte[(int) count];
        Arrays.fill(bytes, value);
        return bytes;
    }

    static String describe(byte value) {
        return value >= ' ' && value < 127
                ? "'" + (char) value + "'"
                : Integer.toString(value & 0xff);
    }

    /** The first byte, and the first that differs from it. */
    static String describe(byte[] data) {
        if (data.length == 0) {
            return "nothing";
        }
        for (int i = 1; i < data.length; i++) {
            if (data[i] != data[0]) {
                return "%s, and %s at byte %d".formatted(describe(data[0]), describe(data[i]), i);
            }
        }
        return describe(data[0]);
    }
}
