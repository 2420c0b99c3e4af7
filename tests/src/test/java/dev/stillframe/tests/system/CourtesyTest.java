package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.agent.job.Courtesy;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.linux.Scheduling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the launcher lowers comes back when the target begins to wait. */
@Timeout(30)
class CourtesyTest {
    private static final String PROPERTY = "stillframe.nice";
    private static final int LOWERED = 7;

    /**
     * Of {@code /proc/thread-self/stat} behind the name: proc(5) counts from 1 and begins with the
     * pid.
     */
    private static final int NICE_FIELD = 19 - 3;

    @Test
    void thePriorityIsTakenBackBeforeTheTargetIsTouched() throws Exception {
        int proper = nice();
        System.setProperty(PROPERTY, Integer.toString(proper));
        try {
            List<Progress.Step> heard = new ArrayList<>();
            Progress courtesy = Courtesy.before((step, done, total) -> heard.add(step));
            FutureTask<List<Integer>> thread = new FutureTask<>(() -> niceAt(courtesy));
            Thread.ofPlatform().name("courtesy").start(thread);
            assertThat(thread.get(10, TimeUnit.SECONDS))
                    .containsExactly(LOWERED, LOWERED, proper, LOWERED, LOWERED);
            assertThat(heard)
                    .containsExactly(
                            Progress.Step.PREPARE, Progress.Step.ATTACH, Progress.Step.ARM);
        } finally {
            System.clearProperty(PROPERTY);
        }
    }

    /** Of a thread of its own, whose priority nobody misses. */
    private static List<Integer> niceAt(Progress courtesy) throws IOException {
        List<Integer> values = new ArrayList<>();
        Scheduling.nice(LOWERED);
        values.add(nice());
        courtesy.at(Progress.Step.PREPARE, 0, 0);
        values.add(nice());
        courtesy.at(Progress.Step.ATTACH, 0, 0);
        values.add(nice());
        Scheduling.nice(LOWERED);
        values.add(nice());
        courtesy.at(Progress.Step.ARM, 0, 0); // only once: what becomes nice later has its reasons
        values.add(nice());
        return values;
    }

    @Test
    void withoutTheLauncherNothingIsChanged() {
        Progress mine = (step, done, total) -> {};
        assertThat(Courtesy.before(mine)).isSameAs(mine);
    }

    private static int nice() throws IOException {
        String stat = Files.readString(Path.of("/proc/thread-self/stat"));
        return Integer.parseInt(
                stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[NICE_FIELD]);
    }
}
