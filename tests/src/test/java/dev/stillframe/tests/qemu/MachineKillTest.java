package dev.stillframe.tests.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * kill -9 of the process that takes the snapshot, at every step and at any moment: the machine goes
 * on.
 */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class MachineKillTest {
    private static final int KILLED = 128 + 9;
    private static final int SOME_STEPS = 10_000;
    private static final String NOWHERE = "nowhere";
    private static final Duration LONGEST_LIFE = Duration.ofSeconds(3);

    private final RandomGenerator random = Seed.random("MachineKillTest");

    @Test
    void deathAtEveryStepLetsTheMachineGoOn() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(256, 64))) {
            guest.awaitRunning();
            List<String> points = points(guest);
            Set<String> before = leftovers();
            assertThat(points)
                    .contains("machine: stopped", "machine: devices saved", "machine: continue");
            // Those that every snapshot has are killed at for a process (KillTest); here, those
            // while the machine stands.
            List<String> standing =
                    points.stream()
                            .filter(p -> p.startsWith("machine: ") || p.startsWith("freeze: "))
                            .toList();
            for (int turn = 0; turn < Campaign.turns(1, 5); turn++) {
                for (String point : standing) {
                    try (TargetProcess child = child(guest, point)) {
                        child.awaitLine("go");
                        assertThat(child.awaitExit())
                                .as("exit status at '%s'", point)
                                .isEqualTo(KILLED);
                    }
                    goesOn(guest, point);
                }
            }
            Signals.await("that nothing is left behind", () -> leftovers().equals(before));
        }
    }

    @Test
    void deathAtAnyMomentLetsTheMachineGoOn() throws Exception {
        try (Guest guest = Guest.start(GuestOptions.of(256, 64))) {
            guest.awaitRunning();
            for (int turn = 0; turn < Campaign.turns(3, 50); turn++) {
                try (TargetProcess child = child(guest, NOWHERE)) {
                    child.awaitLine("go");
                    LockSupport.parkNanos(random.nextLong(LONGEST_LIFE.toNanos()));
                    child.kill();
                    child.awaitExit();
                }
                goesOn(guest, "a moment");
            }
        }
    }

    private static Set<String> leftovers() {
        String[] names = new File("/tmp").list((_, name) -> name.matches("stillframe-\\d+"));
        return names == null ? Set.of() : Set.of(names);
    }

    private static void goesOn(Guest guest, String after) throws Exception {
        guest.awaitSteps(SOME_STEPS);
        guest.awaitPasses(1);
        assertThat(guest.isBroken())
                .as("after death at %s: %s", after, guest.lastWords())
                .isFalse();
    }

    private static List<String> points(Guest guest) throws Exception {
        List<String> points = new ArrayList<>();
        try (TargetProcess child = child(guest, NOWHERE)) {
            child.awaitLine("go");
            for (String line = child.nextLine(); !line.equals("done"); line = child.nextLine()) {
                if (line.startsWith("point ")) {
                    points.add(line.substring(6));
                }
            }
            assertThat(child.awaitExit()).isZero();
        }
        return points;
    }

    private static TargetProcess child(Guest guest, String point) throws Exception {
        return TargetProcess.start(
                JavaCommand.of(
                        MachineChild.class,
                        List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                        List.of(guest.qmpSocket().toString(), point)));
    }
}
