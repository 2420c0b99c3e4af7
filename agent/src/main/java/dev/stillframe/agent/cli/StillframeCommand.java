package dev.stillframe.agent.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code stillframe}: without a command, an error in usage. */
@Command(
        name = "stillframe",
        description =
                "Take a consistent image of a running process's memory while it keeps running.",
        footer = {
            "",
            "Start here:",
            "  stillframe doctor      does this machine allow it, and what to change if not",
            "  stillframe demo        see it work, on a process made for it",
            "",
            "Exit codes: 0 done; 1 failed, the reason is on standard error; 2 wrong command line; 3"
                    + " done, but incomplete: what is missing is listed."
        })
final class StillframeCommand implements Runnable {
    @Spec private @Nullable CommandSpec spec;

    @Override
    public void run() {
        if (spec != null) {
            throw new ParameterException(
                    spec.commandLine(), "a command is needed, such as doctor or snapshot");
        }
    }
}
