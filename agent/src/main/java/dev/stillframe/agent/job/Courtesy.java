package dev.stillframe.agent.job;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.linux.Scheduling;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives way to the target until that begins to wait for us: the launcher starts this process with a
 * lower priority, so that the target does not notice the preparations, and here it takes back the
 * one that it would have had. Thread-safe.
 */
public final class Courtesy implements Progress {
    /** The system property in which the launcher says which nice value it would have had. */
    private static final String PROPERTY = "stillframe.nice";

    private static final Logger LOG = LoggerFactory.getLogger(Courtesy.class);

    private final Progress next;
    private final int nice;
    private final AtomicBoolean over = new AtomicBoolean();

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
        if (step != Step.PREPARE && over.compareAndSet(false, true)) {
            try {
                Scheduling.niceProcess(nice);
            } catch (IOException e) {
                LOG.warn("the target may wait longer than it has to: {}", e.getMessage());
            }
        }
        next.at(step, doneBytes, totalBytes);
    }
}
