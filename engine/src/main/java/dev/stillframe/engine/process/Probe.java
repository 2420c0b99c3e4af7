package dev.stillframe.engine.process;

/**
 * Told at every point where being killed must do no harm. Tests kill the process there; nobody else
 * needs one. May be called from any engine thread.
 */
@FunctionalInterface
public interface Probe {
    /** Does nothing. */
    Probe NONE = point -> {};

    /** About to do what {@code point} names. */
    void at(String point);
}
