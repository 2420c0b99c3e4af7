package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.image.SequenceCheck;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.TargetProcess;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads do not notice that they were stopped and watched: what they wait for comes, and what they
 * are sent.
 */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class UnharmedThreadsTest {
    private static final int KILLED = 128 + 9;
    private static final long PAGE = 4096;
    private static final String NOWHERE = "nowhere";

    private final RandomGenerator random = Seed.random("UnharmedThreadsTest");

    /**
     * Whoever joins a thread by the word that the kernel clears is woken, whatever made the thread.
     */
    @Test
    void wordsOfThreadsThatEndAreCleared() throws Exception {
        List<String> arguments =
                List.of("--threads", "150", "--ballast", Integer.toString(64 << 20));
        try (TargetProcess target = TargetProcess.startNative("exitwords", arguments)) {
            target.awaitReady();
            for (int turn = 0; turn < Campaign.turns(4, 60); turn++) {
                Snapshots.take(target.pid(), new DiscardingSink());
            }
            mustSayOk(target);
        }
    }

    /** In calls that have no time limit. */
    @Test
    void callsThatOnlyASignalEndsGoOn() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("waits", List.of())) {
            target.awaitReady();
            for (int turn = 0; turn < 3; turn++) {
                Snapshots.take(target.pid(), new DiscardingSink());
            }
            mustSayOk(target);
        }
    }

    /** A freeze that fails lets them go with what was on its way to them. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "inject: pass a signal on",
                "tracer: a report",
                "tracer: pass a signal on",
                "tracer: all stand",
                "freeze: copy control pages",
                "freeze: thaw"
            })
    void signalsArriveThoughTheSnapshotFails(String fatal) throws Exception {
        try (TargetProcess target = TargetProcess.startNative("rtsignals", List.of())) {
            target.awaitReady();
            int failed = 0;
            for (int turn = 0; turn < Campaign.turns(3, 40); turn++) {
                AtomicLong calls = new AtomicLong(isFrequent(fatal) ? 1 + random.nextLong(20) : 1);
                Probe failing =
                        point -> {
                            if (point.equals(fatal) && calls.decrementAndGet() == 0) {
                                throw new IllegalStateException("injected at " + point);
                            }
                        };
                failed +=
                        fails(target, new Snapshot.Seams(failing, Snapshot.Seams.NONE.reader()))
                                ? 1
                                : 0;
            }
            if (!fatal.startsWith("inject:")) { // there may be no signal at that moment
                assertThat(failed).as("snapshots that failed").isPositive();
            }
            mustSayOk(target);
        }
    }

    /** There are many signals, so some twenty are passed in most snapshots. */
    private static boolean isFrequent(String point) {
        return point.equals("tracer: a report") || point.equals("tracer: pass a signal on");
    }

    private static boolean fails(TargetProcess target, Snapshot.Seams seams) throws Exception {
        try {
            Snapshots.takeBetween(target.pid(), new DiscardingSink(), seams);
            return false;
        } catch (RuntimeException | SnapshotException e) {
            assertThat(e).hasStackTraceContaining("injected at");
            return true;
        }
    }

    /** kill -9 of the snapshotting process at each of its steps with a thread. */
    @Test
    void signalsArriveThoughTheTracerIsKilled() throws Exception {
        dieAtEveryStep("rtsignals", List.of(), "(tracer|inject|freeze):.*");
    }

    /** The same for threads that were asked something. */
    @Test
    void wordsAreClearedThoughTheTracerIsKilled() throws Exception {
        dieAtEveryStep("exitwords", List.of("--threads", "20"), "(tracer|ask):.*");
    }

    private void dieAtEveryStep(String program, List<String> arguments, String steps)
            throws Exception {
        try (TargetProcess target = TargetProcess.startNative(program, arguments)) {
            target.awaitReady();
            SortedMap<String, Long> points = points(target);
            List<String> names =
                    points.keySet().stream().filter(name -> name.matches(steps)).toList();
            assertThat(names).hasSizeGreaterThan(10);
            int kills = 0;
            for (int turn = 0; turn < Campaign.turns(names.size(), 10 * names.size()); turn++) {
                String point = names.get(turn % names.size());
                long call = 1 + random.nextLong(Math.max(1, points.getOrDefault(point, 1L) / 2));
                kills += diesAt(target, point, call) ? 1 : 0;
                assertThat(target.isAlive())
                        .as("alive after death at '%s', call %d", point, call)
                        .isTrue();
            }
            assertThat(kills)
                    .as("children that died at their point")
                    .isGreaterThan(names.size() / 2);
            mustSayOk(target);
        }
    }

    private static SortedMap<String, Long> points(TargetProcess target) throws Exception {
        SortedMap<String, Long> points = new TreeMap<>();
        try (TargetProcess child = child(target, NOWHERE, 1)) {
            for (String line = child.awaitLine(" ");
                    !line.equals("done");
                    line = child.nextLine()) {
                String[] words = line.split(" ", 3);
                points.put(words[2], Long.parseLong(words[1]));
            }
        }
        return points;
    }

    private static boolean diesAt(TargetProcess target, String point, long call) throws Exception {
        try (TargetProcess child = child(target, point, call)) {
            int status = child.awaitExit();
            assertThat(status).as("exit status at '%s', call %d", point, call).isIn(0, KILLED);
            return status == KILLED;
        }
    }

    private static TargetProcess child(TargetProcess target, String point, long call)
            throws Exception {
        return TargetProcess.start(
                JavaCommand.of(
                        SnapshotChild.class,
                        List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                        List.of(
                                Integer.toString(target.pid()),
                                point,
                                Long.toString(call),
                                InstantChoice.START.name())));
    }

    /** A process that has the same memory and is no thread is part of the instant. */
    @Test
    void whatAProcessWithTheSameMemoryWritesIsOneInstant() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("sharer", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            long area = facts.getOrDefault("address", 0L);
            long pages = facts.getOrDefault("pages", 0L);
            for (int turn = 0; turn < Campaign.turns(5, 50); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    assertThat(image.ending().missing()).isEmpty();
                    List<MemorySegment> written = new ArrayList<>();
                    for (long page = 0; page < pages; page++) {
                        long at = area + page * PAGE;
                        written.add(image.read(new AddressRange(at, at + PAGE)));
                    }
                    assertThat(SequenceCheck.deviation(written)).isEmpty();
                } finally {
                    image.free();
                }
            }
        }
    }

    private static void mustSayOk(TargetProcess target) throws Exception {
        assertThat(target.unread()).as("what it said meanwhile").isEmpty();
        target.terminate();
        assertThat(target.nextLine()).startsWith("OK");
        assertThat(target.awaitExit()).isZero();
    }
}
