package dev.stillframe.engine.capture;

import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.TargetProcess;
import io.micrometer.core.instrument.Clock;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stops and starts a small process of ours, some times: the first use of a class or a method handle
 * costs milliseconds, and none of that belongs into a target's pause.
 */
final class Rehearsal {
    private static final Logger LOG = LoggerFactory.getLogger(Rehearsal.class);
    private static final int TIMES = 8;
    private static final Duration BUDGET = Duration.ofMillis(100);

    /** It does nothing; a shell between, because our children are refused. */
    private static final String CHILD = "sleep 60 </dev/null & echo $!; read end; kill -9 $!";

    private Rehearsal() {}

    /** What cannot be rehearsed will take some milliseconds longer. */
    static void stopAndStart(Clock clock) {
        try {
            Process shell = new ProcessBuilder("/bin/sh", "-c", CHILD).start();
            try (BufferedReader output = shell.inputReader(StandardCharsets.US_ASCII)) {
                stopAndStart(Integer.parseInt(String.valueOf(output.readLine())), clock);
            } finally {
                shell.outputWriter().close(); // its `read` ends, and it ends the child
            }
        } catch (IOException | NumberFormatException e) {
            LOG.debug("the stop of the target's threads was not rehearsed", e);
        }
    }

    private static void stopAndStart(int pid, Clock clock) throws IOException {
        for (int time = 0; time < TIMES; time++) {
            try (TargetProcess process = TargetProcess.open(pid);
                    Attachment attachment = process.attach(Probe.NONE, clock)) {
                attachment.watch(Attachment.ExitListener.NONE, _ -> {});
                attachment.freeze(BUDGET);
                attachment.states();
                attachment.thaw();
            }
        }
    }
}
