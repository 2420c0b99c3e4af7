package dev.stillframe.agent.cli;

import dev.stillframe.engine.thread.Role;
import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A question to the person at the terminal. Stateless. */
final class Confirmation {
    private static final int STANDARD_INPUT = 0;
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final int LONGEST_ANSWER = 80;

    private Confirmation() {}

    /** Whether there is somebody to ask: what is asked is seen, and the answer is typed. */
    static boolean isPossible() {
        return ProgressDisplay.isTerminal(STANDARD_INPUT) && ProgressDisplay.isTerminal();
    }

    /**
     * Whether the answer is yes. Takes one line of the input and no byte more, because the rest is
     * for whoever comes next.
     *
     * @throws Failure if there is no answer for too long
     */
    static boolean ask(Output output, String question)
            throws IOException, InterruptedException, Failure {
        output.note(question + " [yes/no]");
        FutureTask<String> answer = new FutureTask<>(Confirmation::line);
        // Nothing ends a read of a terminal: a thread that is left in one ends with the program.
        Role.ANSWER.start(answer);
        try {
            String line = answer.get(PATIENCE.toMinutes(), TimeUnit.MINUTES);
            return line.strip().toLowerCase(Locale.ROOT).matches("y|yes");
        } catch (TimeoutException e) {
            throw new Failure(
                    "no answer for %d minutes; nothing was run".formatted(PATIENCE.toMinutes()));
        } catch (ExecutionException e) {
            throw new IOException("the answer could not be read: " + e.getMessage(), e);
        }
    }

    /** Up to its end, or that of the input. */
    private static String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int read = System.in.read();
                read >= 0 && read != '\n' && line.length() < LONGEST_ANSWER;
                read = System.in.read()) {
            line.append((char) read);
        }
        return line.toString();
    }
}
