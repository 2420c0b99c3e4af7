package dev.stillframe.tests.network;

import java.time.Duration;

/** What a connection meets before its first byte. Immutable. */
sealed interface Door {
    /** It is let through at once. */
    record Open() implements Door {}

    /** It is reset. */
    record Refused() implements Door {}

    /** It is reset, and for {@code length} nobody listens: the receiver is down. */
    record Down(Duration length) implements Door {}

    /**
     * It stands, but reaches the receiver only after {@code later} connections that came after it,
     * or after {@code atMost}.
     */
    record HeldBack(int later, Duration atMost) implements Door {}
}
