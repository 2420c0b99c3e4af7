package dev.stillframe.agent.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.Locale;

/** A question to the person at the terminal. Stateless. */
final class Confirmation {
    private static final int STANDARD_INPUT = 0;
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final long POLL_MILLIS = 50;
    private static final int LONGEST_ANSWER = 80;

    private Confirmation() {}

    /** Whether there is somebody to ask: what is asked is seen, and the answer is typed. */
    static boolean isPossible() {
        return ProgressDisplay.isTerminal(STANDARD_INPUT) && ProgressDisplay.isTerminal();
    }

    /**
     * Whether the answer is yes. Takes one line of the input and no byte more, because the rest is for whoever comes next.
     *
     * @throws Failure if there is no answer for too long
     */
    static boolean ask(Output output, String question) throws IOException, InterruptedException, Failure {
        output.note(question + " [yes/no]");
        StringBuilder answer = new StringBuilder();
        for (int read = next(); read >= 0 && read != '\n' && answer.length() < LONGEST_ANSWER; read = next()) {
            answer.append((char) read);
        }
        return answer.toString().strip().toLowerCase(Locale.ROOT).matches("y|yes");
    }

    /** Looks before it reads: a thread that is in a read does not hear of an interrupt. */
    private static int next() throws IOException, InterruptedException, Failure {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.in.available() == 0) {
            if (System.nanoTime() > deadline) {
                throw new Failure("no answer for %d minutes; nothing was run".formatted(PATIENCE.toMinutes()));
            }
            Thread.sleep(POLL_MILLIS);
        }
        return System.in.read();
    }
}
