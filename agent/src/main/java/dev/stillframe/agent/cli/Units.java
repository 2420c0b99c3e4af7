package dev.stillframe.agent.cli;

import java.util.Locale;

/** Numbers with units, for people. Stateless. */
final class Units {
    private static final String[] BINARY = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    private static final double NANOS_PER_MICRO = 1e3;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final double NANOS_PER_SECOND = 1e9;

    private Units() {}

    /** {@code 1.50 GiB}. */
    static String bytes(long bytes) {
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < BINARY.length - 1) {
            value /= 1024;
            unit++;
        }
        return unit == 0 ? bytes + " bytes" : significant(value) + " " + BINARY[unit];
    }

    /** {@code 262,144}. */
    static String count(long count) {
        return String.format(Locale.ROOT, "%,d", count);
    }

    /** {@code 4.21 ms}. */
    static String time(long nanos) {
        if (nanos < NANOS_PER_MILLI) {
            return significant(nanos / NANOS_PER_MICRO) + " us";
        }
        return nanos < NANOS_PER_SECOND
                ? significant(nanos / NANOS_PER_MILLI) + " ms"
                : significant(nanos / NANOS_PER_SECOND) + " s";
    }

    /**
     * {@code 2.71 GB/s} or {@code 20.0 MB/s}, decimal as links are; {@code no time} if there was
     * none.
     */
    static String rate(long bytes, long nanos) {
        if (nanos <= 0) {
            return "no time";
        }
        double gigabytesPerSecond = bytes / (double) nanos;
        return gigabytesPerSecond >= 1
                ? significant(gigabytesPerSecond) + " GB/s"
                : significant(gigabytesPerSecond * 1e3) + " MB/s";
    }

    /** Milliseconds with the precision of a microsecond, for JSON. */
    static double millis(long nanos) {
        return Math.round(nanos / NANOS_PER_MICRO) / 1e3;
    }

    /** Microseconds with a tenth, for JSON. */
    static double micros(long nanos) {
        return Math.round(nanos / 100.0) / 10.0;
    }

    private static String significant(double value) {
        return String.format(
                Locale.ROOT, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
    }
}
