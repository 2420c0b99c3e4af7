package dev.stillframe.transport.client;

import java.time.Duration;

/** Times in words of a person. */
public final class Durations {
    private Durations() {}

    /** {@code 30 s} or {@code 200 ms}. */
    public static String words(Duration duration) {
        long millis = duration.toMillis();
        return millis % 1000 == 0 ? millis / 1000 + " s" : millis + " ms";
    }
}
