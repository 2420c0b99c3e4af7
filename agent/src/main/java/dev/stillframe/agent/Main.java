package dev.stillframe.agent;

import dev.stillframe.agent.cli.Commands;
import dev.stillframe.agent.job.Wiring;

/** Where the program starts. */
public final class Main {
    private Main() {}

    /** Runs one command and leaves with its exit code. */
    public static void main(String[] arguments) {
        System.exit(OrderlyStop.run(() -> Commands.create(Wiring.parts()).execute(arguments)));
    }
}
