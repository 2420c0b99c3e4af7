package dev.stillframe.engine.conformance;

/** A scenario's text is wrong; the message names file, line, and what was expected. */
public final class ScenarioFormatException extends Exception {
    private static final long serialVersionUID = 1;

    ScenarioFormatException(String file, int line, String expected) {
        super("%s:%d: %s".formatted(file, line, expected));
    }
}
