package dev.stillframe.tests.bench;

import java.nio.ByteBuffer;

/** Numbers of 0 and more as decimal text, without allocating anything. Stateless. */
final class Digits {
    private Digits() {}

    static int count(int number) {
        int digits = 1;
        for (int rest = number; rest >= 10; rest /= 10) {
            digits++;
        }
        return digits;
    }

    static void put(ByteBuffer out, int number) {
        int at = out.position();
        int end = at + count(number);
        int rest = number;
        for (int i = end - 1; i >= at; i--) {
            out.put(i, (byte) ('0' + rest % 10));
            rest /= 10;
        }
        out.position(end);
    }
}
