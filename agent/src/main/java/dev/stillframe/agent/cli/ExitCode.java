package dev.stillframe.agent.cli;

import dev.stillframe.engine.instant.Missing;
import java.util.List;

/** The exit codes of every command; the README explains them. */
public final class ExitCode {
    /** Done, and nothing is missing. */
    public static final int DONE = 0;

    /** Not done; nothing was published. */
    public static final int FAILED = 1;

    /** The command line is wrong; nothing was tried. */
    public static final int USAGE = 2;

    /** Done, but the result lacks what the list of missing ranges says. */
    public static final int INCOMPLETE = 3;

    private ExitCode() {}

    /** {@link #DONE} if nothing is missing. */
    static int of(List<Missing> missing) {
        return missing.isEmpty() ? DONE : INCOMPLETE;
    }
}
