package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.target.Health;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * kill -9 of the snapshotting process, at every step and at any moment, leaves the target as it
 * was.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class KillTest {
    private static final long SIZE_BYTES = 64L << 20;
    private static final int KILLED = 128 + 9;
    private static final String NOWHERE = "nowhere";

    private final RandomGenerator random = Seed.random("KillTest");

    @ParameterizedTest
    @EnumSource(
            value = InstantChoice.class,
            names = {"START", "END"})
    void deathAtEveryStepDoesNoHarm(InstantChoice instant) throws Exception {
        try (OracleTarget target = start()) {
            SortedMap<String, Long> points = points(target, instant);
            assertThat(points).as("points where the engine can be killed").hasSizeGreaterThan(8);
            List<String> names = new ArrayList<>(points.keySet());
            Health before = Health.of(target);
            int kills = 0;
            for (int turn = 0; kills < Campaign.turns(Math.max(20, names.size()), 400); turn++) {
                assertThat(turn).as("children that outlived their point").isLessThan(kills + 40);
                String point = names.get(turn % names.size());
                long calls = points.getOrDefault(point, 1L);
                long call = turn < names.size() ? 1 : 1 + random.nextLong(calls);
                if (dies(target, point, call, instant)) {
                    kills++;
                }
                before.mustHoldFor(target);
            }
            mustStillBeWhole(target);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = InstantChoice.class,
            names = {"START", "END"})
    void deathAtAnyMomentDoesNoHarm(InstantChoice instant) throws Exception {
        try (OracleTarget target = start()) {
            long started = System.nanoTime();
            points(target, instant);
            long whole = System.nanoTime() - started;
            Health before = Health.of(target);
            for (int turn = 0; turn < Campaign.turns(8, 100); turn++) {
                try (TargetProcess child = child(target, NOWHERE, 1, instant)) {
                    child.awaitLine("go");
                    LockSupport.parkNanos(
                            random.nextLong(Math.min(whole, Duration.ofSeconds(2).toNanos())));
                    child.kill();
                    child.awaitExit();
                }
                before.mustHoldFor(target);
            }
            mustStillBeWhole(target);
        }
    }

    private static OracleTarget start() throws Exception {
        return OracleTarget.start(Settings.of("anon", SIZE_BYTES, 2).withCounters(), Seed.value());
    }

    /** A snapshot that nobody kills tells which points there are and how often each is passed. */
    private static SortedMap<String, Long> points(OracleTarget target, InstantChoice instant)
            throws Exception {
        SortedMap<String, Long> points = new TreeMap<>();
        try (TargetProcess child = child(target, NOWHERE, 1, instant)) {
            child.awaitLine("go");
            for (String line = child.nextLine(); !line.equals("done"); line = child.nextLine()) {
                assertThat(line).startsWith("point ");
                String[] words = line.split(" ", 3);
                points.put(words[2], Long.parseLong(words[1]));
            }
            assertThat(child.awaitExit()).isZero();
        }
        return points;
    }

    /**
     * Whether the child died at its point; it may also have come to its end without passing there
     * so often.
     */
    private static boolean dies(OracleTarget target, String point, long call, InstantChoice instant)
            throws Exception {
        try (TargetProcess child = child(target, point, call, instant)) {
            child.awaitLine("go");
            int status = child.awaitExit();
            assertThat(status)
                    .as("exit status of the child at '%s', call %d", point, call)
                    .isIn(0, KILLED);
            return status == KILLED;
        }
    }

    private static TargetProcess child(
            OracleTarget target, String point, long call, InstantChoice instant) throws Exception {
        return TargetProcess.start(
                JavaCommand.of(
                        SnapshotChild.class,
                        List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                        List.of(
                                Integer.toString(target.pid()),
                                point,
                                Long.toString(call),
                                instant.name())));
    }

    /** No write was lost or repeated: the memory is still an instant of the oracle. */
    private static void mustStillBeWhole(OracleTarget target) throws Exception {
        Signals.stop(target.pid());
        byte[] bytes =
                new ProcessFacts(target.pid()).memory(target.region().start(), (int) SIZE_BYTES);
        assertThat(OracleCheck.deviation(target.shape(), MemorySegment.ofArray(bytes))).isEmpty();
    }
}
