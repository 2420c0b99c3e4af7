package dev.stillframe.tests.qemu;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A line that {@code guestload.c} printed. Immutable.
 *
 * @param hostNanos {@link System#nanoTime()} when it arrived
 * @param steps operations so far; a restored guest goes on counting where its image was
 * @param rate operations a second since the line before, by the guest's clock, which stands while
 *     the guest does
 * @param passes how often all memory was verified
 * @param verified pages verified
 * @param guestMillis the guest's clock
 */
public record LoadReport(
        long hostNanos, long steps, long rate, long passes, long verified, long guestMillis) {
    private static final Pattern LINE =
            Pattern.compile(
                    "load step=(\\d+) rate=(\\d+) passes=(\\d+) verified=(\\d+) millis=(\\d+)");

    /** The report in a line; null if the line is something else. */
    static @Nullable LoadReport parse(String line, long hostNanos) {
        Matcher fields = LINE.matcher(line);
        if (!fields.matches()) {
            return null;
        }
        return new LoadReport(
                hostNanos,
                Long.parseLong(fields.group(1)),
                Long.parseLong(fields.group(2)),
                Long.parseLong(fields.group(3)),
                Long.parseLong(fields.group(4)),
                Long.parseLong(fields.group(5)));
    }
}
