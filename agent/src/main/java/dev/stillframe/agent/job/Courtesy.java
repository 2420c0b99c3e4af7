package dev.stillframe.agent.job;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.linux.Scheduling;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives way to the target but where that waits for us: the launcher starts this process with a
 * lower priority, so that the target does not notice the preparations, and here it takes back the
 * one that it would have had for the steps in which the target stands or waits. Thread-safe.
 */
public final class Courtesy implements Progress {
    /** The system property in which the launcher says which nice value it would have had. */
    private static final String PROPERTY = "stillframe.nice";

    /** Still a third of what the target gets: rounds must gain ground. */
    private static final int GAINING = 5;

    private static final int POLITE = 10;
    private static final int MOST = 19;
    private static final Logger LOG = LoggerFactory.getLogger(Courtesy.class);

    private final Progress next;
    private final int nice;
    private final AtomicInteger given = new AtomicInteger(POLITE);

    private Courtesy(Progress next, int nice) {
        this.next = next;
        this.nice = nice;
    }

    /** In front of {@code next}, if the launcher has lowered the priority. */
    public static Progress before(Progress next) {
        Integer nice = Integer.getInteger(PROPERTY);
        return nice == null ? next : new Courtesy(next, nice);
    }

    @Override
    public void at(Step step, long doneBytes, long totalBytes) {
        int courtesy = courtesy(step);
        if (given.getAndSet(courtesy) != courtesy) {
            try {
                Scheduling.niceProcess(Math.min(nice + courtesy, MOST));
            } catch (IOException e) {
                LOG.warn("the target may wait longer than it has to: {}", e.getMessage());
            }
        }
        next.at(step, doneBytes, totalBytes);
    }

    private static int courtesy(Step step) {
        return switch (step) {
            case PREPARE, FIRST_ROUND, DRAIN, PUBLISH -> POLITE;
            case ROUNDS -> GAINING;
            case ATTACH, ARM, LAST_ROUNDS, FREEZE, SWEEP -> 0;
        };
    }
}
