package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.process.Attachment.Standing;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.process.Tracer;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MockClock;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stopping threads: all of them or none, and none for longer than its budget. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class TracerTest {
    private static final Duration BUDGET = Duration.ofMillis(100);
    private static final String TRACED = "t (tracing stop)";

    @Test
    void aStoppedTargetIsRefusedWithARemedyAndStaysStopped() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("rtsignals", List.of())) {
            target.awaitReady();
            signal(target, "STOP");
            ProcessFacts facts = new ProcessFacts(target.pid());
            Signals.await(
                    "it stops",
                    () -> facts.threadStates().stream().allMatch("T (stopped)"::equals));
            assertThatThrownBy(() -> Snapshots.take(target.pid(), new DiscardingSink()))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("kill -CONT " + target.pid());
            signal(target, "CONT");
            Snapshots.take(target.pid(), new DiscardingSink());
            target.terminate();
            assertThat(target.nextLine()).startsWith("OK");
        }
    }

    private static void signal(TargetProcess target, String name) throws Exception {
        Process kill =
                new ProcessBuilder("/bin/kill", "-" + name, Integer.toString(target.pid())).start();
        assertThat(kill.waitFor()).isZero();
    }

    @Test
    void aThreadThatDoesNotStopIsNamedAndAllGoOn() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("stuck", List.of())) {
            long counter = target.awaitReady().getOrDefault("address", 0L);
            target.writeLine("vfork");
            target.awaitLine("waits");
            AtomicInteger turns = new AtomicInteger();
            Probe counting = point -> turns.addAndGet(point.equals("tracer: freeze") ? 1 : 0);
            try (var process = open(target);
                    Tracer tracer = new Tracer(process, counting, Clock.SYSTEM)) {
                tracer.watch(exiting -> {}, lost -> {});
                assertThatThrownBy(() -> tracer.freeze(BUDGET))
                        .isInstanceOf(TargetException.class)
                        .hasMessageContaining("(stuck) did not stop")
                        .hasMessageContaining("state D")
                        .hasMessageContaining("--stop-budget");
                mustGoOn(target, counter);
            }
            assertThat(turns.get()).isGreaterThan(2);
            target.writeLine("end");
            target.awaitLine("back");
            mustBeUntraced(target.pid());
        }
    }

    @Test
    void aThreadThatStopsAtTheSecondTryIsWaitedFor() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("stuck", List.of())) {
            long counter = target.awaitReady().getOrDefault("address", 0L);
            target.writeLine("vfork");
            target.awaitLine("waits");
            AtomicInteger turns = new AtomicInteger();
            Probe ending =
                    point -> {
                        if (point.equals("tracer: freeze") && turns.incrementAndGet() == 2) {
                            end(target);
                        }
                    };
            try (var process = open(target);
                    Tracer tracer = new Tracer(process, ending, Clock.SYSTEM)) {
                tracer.watch(exiting -> {}, lost -> {});
                Standing standing = tracer.freeze(BUDGET);
                assertThat(standing.threads()).hasSizeGreaterThanOrEqualTo(4);
                mustStand(target.pid());
                tracer.thaw();
                mustGoOn(target, counter);
            }
        }
    }

    private static void end(TargetProcess target) {
        try {
            target.writeLine("end");
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aMainThreadThatLeavesFailsTheFreezeAtOnce() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("stuck", List.of("leave"))) {
            target.awaitReady();
            ProcessFacts facts = new ProcessFacts(target.pid());
            try (var process = open(target);
                    Tracer tracer = new Tracer(process, Probe.NONE, Clock.SYSTEM)) {
                tracer.watch(exiting -> {}, lost -> {});
                target.writeLine("now");
                Signals.await("the main thread's end", () -> facts.status("State").startsWith("Z"));
                assertThatThrownBy(() -> tracer.freeze(BUDGET))
                        .isInstanceOf(TargetException.class)
                        .hasMessageContaining("main thread");
            }
            Signals.await(
                    "its other threads run on", () -> facts.threadStates().contains("R (running)"));
        }
    }

    /** It is no thread, and not in the task directory of the process. */
    @Test
    void aProcessWithTheSameMemoryStandsToo() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("sharer", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            int child = Math.toIntExact(facts.getOrDefault("child", 0L));
            long area = facts.getOrDefault("address", 0L);
            try (var process = open(target);
                    Tracer tracer = new Tracer(process, Probe.NONE, Clock.SYSTEM)) {
                tracer.watch(exiting -> {}, lost -> {});
                assertThat(tracer.sharers()).containsExactly(child);
                assertThat(tracer.freeze(BUDGET).threads()).hasSize(2);
                mustStand(target.pid());
                mustStand(child);
                assertThat(tracer.states()).hasSize(1);
                tracer.thaw();
                ProcessFacts memory = new ProcessFacts(child);
                byte[] before = memory.memory(area, Long.BYTES);
                Signals.await(
                        "more writes",
                        () -> !Arrays.equals(memory.memory(area, Long.BYTES), before));
                mustBeUntraced(child);
            }
        }
    }

    /** Half a minute, of which the test need not wait for a second. */
    @Test
    void aTargetThatNobodyLetsGoOnIsLetGoWhenItHasStoodTooLong() throws Exception {
        MockClock clock = new MockClock();
        CompletableFuture<Throwable> lost = new CompletableFuture<>();
        try (TargetProcess target = TargetProcess.startNative("stuck", List.of());
                var process = open(target)) {
            long counter = target.awaitReady().getOrDefault("address", 0L);
            try (Tracer tracer = new Tracer(process, Probe.NONE, clock)) {
                tracer.watch(exiting -> {}, lost::complete);
                tracer.freeze(BUDGET);
                clock.add(Duration.ofSeconds(30).minusNanos(1));
                assertThat(tracer.states()).as("answered by a thread that goes on").isNotEmpty();
                mustStand(target.pid());
                clock.add(Duration.ofNanos(1));
                assertThat(lost.get(30, TimeUnit.SECONDS))
                        .isInstanceOf(TargetException.class)
                        .hasMessageContaining("stood for more than 30 s");
                mustGoOn(target, counter);
                Signals.await("nobody traces it", () -> isUntraced(target.pid()));
            }
        }
    }

    /** Of every kind, on every way: the target runs on, and whoever uses it is told. */
    @ParameterizedTest
    @ValueSource(strings = {"tracer: seize a thread", "tracer: freeze", "tracer: all stand"})
    void anErrorLetsTheTargetGo(String fatal) throws Exception {
        CompletableFuture<Throwable> lost = new CompletableFuture<>();
        Probe failing =
                point -> {
                    if (point.equals(fatal)) {
                        throw new AssertionError("injected at " + point);
                    }
                };
        try (TargetProcess target = TargetProcess.startNative("stuck", List.of());
                var process = open(target)) {
            long counter = target.awaitReady().getOrDefault("address", 0L);
            try (Tracer tracer = new Tracer(process, failing, Clock.SYSTEM)) {
                assertThatThrownBy(
                                () -> {
                                    tracer.watch(exiting -> {}, lost::complete);
                                    tracer.freeze(BUDGET);
                                })
                        .hasRootCauseMessage("injected at " + fatal);
                assertThat(lost.get(30, TimeUnit.SECONDS)).hasMessage("injected at " + fatal);
                mustGoOn(target, counter);
                Signals.await("nobody traces it", () -> isUntraced(target.pid()));
                assertThatThrownBy(tracer::thaw)
                        .isInstanceOf(TargetException.class)
                        .hasMessageContaining("not traced any more");
            }
        }
    }

    /** Between two commands nobody waits for an answer. */
    @Test
    void anErrorBetweenCommandsIsToldAndLetsTheTargetGo() throws Exception {
        CompletableFuture<Throwable> lost = new CompletableFuture<>();
        AtomicBoolean watched = new AtomicBoolean();
        Probe failing =
                point -> {
                    if (watched.get() && point.equals("tracer: a report")) {
                        throw new OutOfMemoryError("injected");
                    }
                };
        try (TargetProcess target =
                TargetProcess.startNative("exitwords", List.of("--threads", "10"))) {
            target.awaitReady();
            try (var process = open(target);
                    Tracer tracer = new Tracer(process, failing, Clock.SYSTEM)) {
                tracer.watch(exiting -> {}, lost::complete);
                watched.set(true); // its threads end all the time: the next one meets the error
                assertThat(lost.get(30, TimeUnit.SECONDS)).isInstanceOf(OutOfMemoryError.class);
                Signals.await("nobody traces it", () -> isUntraced(target.pid()));
            }
            target.terminate();
            assertThat(target.awaitLine("ends=")).startsWith("OK");
        }
    }

    /**
     * The descriptor that was taken from the target is not kept by whoever will never hear of it.
     */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "inject: let the short-lived thread exit",
                "inject: restore mask",
                "inject: restore registers",
                "inject: restore stack",
                "inject: detach"
            })
    void anInjectionThatFailsLateLeavesNoDescriptor(String fatal) throws Exception {
        Probe failing =
                point -> {
                    if (point.equals(fatal)) {
                        throw new AssertionError("injected at " + point);
                    }
                };
        try (TargetProcess target = TargetProcess.startNative("stuck", List.of())) {
            long counter = target.awaitReady().getOrDefault("address", 0L);
            try (var process = open(target);
                    Tracer tracer = new Tracer(process, failing, Clock.SYSTEM)) {
                assertThatThrownBy(tracer::tracker).hasRootCauseMessage("injected at " + fatal);
            }
            mustGoOn(target, counter);
            assertThat(userfaultfds(Math.toIntExact(ProcessHandle.current().pid()))).isEmpty();
            assertThat(userfaultfds(target.pid())).isEmpty();
            Signals.await("nobody traces it", () -> isUntraced(target.pid()));
        }
    }

    @Test
    void aProcessWithAUserfaultfdOfItsOwnIsRefused() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("ownuffd", List.of())) {
            long descriptor = target.awaitReady().getOrDefault("descriptor", 0L);
            assertThatThrownBy(() -> Snapshots.take(target.pid(), new DiscardingSink()))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("(descriptor " + descriptor + ")");
            mustBeUntraced(target.pid());
        }
    }

    private static dev.stillframe.engine.process.TargetProcess open(TargetProcess target)
            throws IOException {
        return dev.stillframe.engine.process.TargetProcess.open(target.pid());
    }

    private static List<String> userfaultfds(int pid) throws IOException {
        return new ProcessFacts(pid)
                .descriptors().values().stream()
                        .filter(what -> what.contains("userfaultfd"))
                        .toList();
    }

    private static void mustStand(int pid) throws IOException {
        assertThat(new ProcessFacts(pid).threadStates()).isNotEmpty().allMatch(TRACED::equals);
    }

    private static void mustGoOn(TargetProcess target, long counter) throws Exception {
        ProcessFacts facts = new ProcessFacts(target.pid());
        byte[] before = facts.memory(counter, Long.BYTES);
        Signals.await(
                "it counts on", () -> !Arrays.equals(facts.memory(counter, Long.BYTES), before));
    }

    private static void mustBeUntraced(int pid) throws IOException {
        assertThat(isUntraced(pid)).isTrue();
    }

    private static boolean isUntraced(int pid) throws IOException {
        return new ProcessFacts(pid)
                .signals().values().stream().allMatch(thread -> thread.contains("TracerPid:\t0"));
    }
}
