package dev.stillframe.engine.conformance;

/** What came of a scenario on a backend. Immutable. */
public sealed interface Verdict {
    /** All was as the scenario says. */
    record Passed() implements Verdict {}

    /**
     * Something was not.
     *
     * @param line of the file; the scenario's own if it was nothing that a line says
     * @param step the line
     * @param why what was expected and what was seen
     */
    record Failed(int line, String step, String why) implements Verdict {}

    /**
     * It was not run, or not to its end, for a reason that is not its fault. Never counted as
     * passed.
     */
    record NotRun(String reason) implements Verdict {}
}
