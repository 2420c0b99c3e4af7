package dev.stillframe.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.agent.demo.Demo.DemoException;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.Reception;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The demonstration with an engine that simply stops the writer, and with engines that get it
 * wrong.
 */
@Timeout(120)
class DemoTest {
    private final Pattern pattern = new Pattern(2, 1024);
    private final SnapshotTaker.Setting setting =
            new SnapshotTaker.Setting(
                    SnapshotOptions.defaults(2), new SimpleMeterRegistry(), Progress.NONE);
    private final List<ImageStore> stores = new ArrayList<>();
    private final List<Integer> pids = new ArrayList<>();

    @Test
    void anImageOfOneInstantIsVerifiedAndNothingIsLeft() throws Exception {
        Demo.Result result = demo(this::takeStopped).run(setting);
        assertThat(result.report().captured().pages()).isGreaterThanOrEqualTo(pattern.pageCount());
        assertThat(result.memory().sizeBytes()).isEqualTo(pattern.sizeBytes());
        assertThat(result.steps()).hasSize(2).allMatch(step -> step > 100);
        assertThat(result.rateBefore()).isPositive();
        assertNothingIsLeft();
    }

    @Test
    void memoryReadWhileTheWriterRunsIsNotOneInstant() throws Exception {
        assertThatThrownBy(
                        () ->
                                demo((pid, sink, _) -> read(pid, sink, new TornReading(pattern)))
                                        .run(setting))
                .isInstanceOf(DemoException.class)
                .hasMessageContaining("not one instant");
        assertNothingIsLeft();
    }

    @Test
    void aWriterThatIsKilledIsNoticed() throws Exception {
        SnapshotTaker killer =
                (pid, sink, setting) -> {
                    SnapshotReport report = takeStopped(pid, sink, setting);
                    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
                    return report;
                };
        assertThatThrownBy(() -> demo(killer).run(setting))
                .isInstanceOf(DemoException.class)
                .hasMessageContaining("died");
        assertNothingIsLeft();
    }

    @Test
    void aFailedSnapshotLeavesNothing() throws Exception {
        SnapshotTaker failing =
                (pid, _, _) -> {
                    pids.add(pid);
                    throw new SnapshotException("refused");
                };
        assertThatThrownBy(() -> demo(failing).run(setting)).isInstanceOf(SnapshotException.class);
        assertNothingIsLeft();
    }

    private Demo demo(SnapshotTaker taker) {
        Reception.Starter starter =
                (listen, shelf, credentials, events, registry) -> {
                    stores.add(shelf.store());
                    return new Reception() {
                        @Override
                        public SocketAddress address() {
                            return listen;
                        }

                        @Override
                        public void close() {}
                    };
                };
        Parts parts =
                new Parts(
                        taker,
                        (machine, sink, setting) -> {
                            throw new SnapshotException("no machine here");
                        },
                        (pid, setting) -> {
                            throw new SnapshotException("not asked for");
                        },
                        (destination, registry) -> stores.getLast().create("demo"),
                        starter,
                        List::of);
        return new Demo(parts, pattern, 200_000);
    }

    private SnapshotReport takeStopped(int pid, PageSink sink, SnapshotTaker.Setting unused)
            throws SnapshotException {
        try (StoppedProcess _ = StoppedProcess.stop(pid)) {
            return read(pid, sink, StoppedProcess::read);
        } catch (IOException e) {
            throw new SnapshotException("cannot stop it", e);
        }
    }

    private SnapshotReport read(int pid, PageSink sink, PlainImage.Reading reading)
            throws SnapshotException {
        pids.add(pid);
        try {
            long pages = new PlainImage(pid).copy(sink, reading);
            return new SnapshotReport(
                    "demo",
                    "",
                    new SnapshotReport.Course(true, 4, true, 3_100_000, ""),
                    new SnapshotReport.Captured(pages * Pattern.PAGE_BYTES, pages, 0, 0),
                    new SnapshotReport.Times(1, 1, 1, 1),
                    new SnapshotReport.Waits(0, 0, 0, 0, 0),
                    List.of());
        } catch (IOException e) {
            throw new SnapshotException("cannot read it", e);
        }
    }

    private void assertNothingIsLeft() {
        assertThat(stores).hasSize(1);
        assertThat(stores.getFirst().directory()).doesNotExist();
        assertThat(pids).hasSize(1).allSatisfy(pid -> assertThat(ProcessHandle.of(pid)).isEmpty());
    }
}
