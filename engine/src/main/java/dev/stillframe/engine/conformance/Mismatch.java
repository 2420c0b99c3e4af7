package dev.stillframe.engine.conformance;

/** A scenario saw something else than it expects. Caught by {@link ScenarioRun} alone. */
final class Mismatch extends RuntimeException {
    private static final long serialVersionUID = 1;

    Mismatch(String format, Object... arguments) {
        super(format.formatted(arguments));
    }

    /** Fails unless {@code holds}. */
    static void unless(boolean holds, String format, Object... arguments) {
        if (!holds) {
            throw new Mismatch(format, arguments);
        }
    }
}
