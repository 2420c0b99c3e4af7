package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.engine.page.DurableSink;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.network.NetworkPlan.ConnectionPlan;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.system.OracleImage;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rounds of a real process to a real receiver, over a network that is slow or does not hold. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class RoundsOverNetworkTest {
    private static final long SIZE_BYTES = 4L << 20;
    private static final int WRITES_PER_SECOND = 20_000;
    private static final int LANES = 2;

    /** A point that only a snapshot with its instant at the start passes, and passes early. */
    private static final String START_BEGINS = "attach: enable";

    private static final int BURST_BYTES = 64 << 10;

    /** Connections are cut in all rounds from the second to this one. */
    private static final int MOST_CUT = 3;

    /** Of each connection: slower than the target writes and than the rounds copy. */
    private static final long BYTES_PER_SECOND = 5_000_000;

    /** So little that pages of a round wait for the receiver's disk. Nothing makes them shorter. */
    private static final SenderOptions SENDING =
            SenderOptions.DEFAULT
                    .withLanes(LANES)
                    .withRetainBytes(SenderOptions.MIN_RETAIN_BYTES)
                    .withPreset(Preset.OFF)
                    .withGiveUpAfter(Duration.ofMinutes(2));

    /** No pause is as short as that. */
    private static final SnapshotOptions NEVER_CONVERGES =
            Snapshots.options().withPauseTarget(Duration.ofNanos(1));

    @TempDir private Path directory;

    /**
     * What the receiver's disk does not have yet of the rounds is sent again, also if the
     * connections are lost when the rounds have been given up.
     */
    @Test
    void whatDoesNotConvergeOverASlowConnectionIsTakenAtTheStart() throws Exception {
        ConnectionPlan slow =
                ConnectionPlan.toReceiver(
                        new Fault.Limit(0, Long.MAX_VALUE / 2, BYTES_PER_SECOND, BURST_BYTES));
        NetworkPlan plan = new NetworkPlan(Collections.nCopies(2 * (LANES + 1), slow));
        for (int turn = 0; turn < Campaign.turns(1, 20); turn++) {
            String name = "image-" + turn;
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            try (OracleTarget target = oracle();
                    HostileNetwork network = new HostileNetwork();
                    StoreReceiver receiver = StoreReceiver.on(directory, 0);
                    Link link = network.link(receiver.address(), plan)) {
                List<Long> before = target.published();
                SnapshotReport report =
                        take(
                                target,
                                InstantChoice.AUTO,
                                connect(link.address(), name, registry),
                                point -> {
                                    if (point.equals(START_BEGINS)) {
                                        link.cut();
                                    }
                                });
                assertThat(report.course().atEnd()).isFalse();
                assertThat(report.course().rounds()).isGreaterThanOrEqualTo(3);
                assertThat(link.struck()).as("slow connections").hasSizeGreaterThan(LANES);
                assertThat(reconnects(registry)).as("attempts after the first").isPositive();
                OracleImage.check(target, before, receiver.place(name), report);
                receiver.store.remove(name);
            }
        }
    }

    /** Where the connections are cut, in the second round and in the third. */
    enum Place {
        /** When the sender has a batch of that round, and has sent some of it or nothing. */
        BATCH,
        /** The receiver has the layout of that round, and its disk has it not. */
        BEFORE_THE_LAYOUT_IS_IN_FORCE,
        /** Its disk has it, and the sender does not know. */
        BEFORE_THE_LAYOUT_IS_ACKNOWLEDGED
    }

    @ParameterizedTest
    @EnumSource(Place.class)
    void connectionsCutInTheRoundsDoNoHarm(Place place) throws Exception {
        for (int turn = 0; turn < Campaign.turns(1, 50); turn++) {
            Cuts cuts = new Cuts(place);
            String name = "image-" + turn;
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            try (OracleTarget target = oracle();
                    HostileNetwork network = new HostileNetwork();
                    StoreReceiver receiver =
                            StoreReceiver.between(directory, sink -> new Receiving(sink, cuts));
                    Link link = network.link(receiver.address(), NetworkPlan.CALM)) {
                cuts.link.set(link);
                List<Long> before = target.published();
                SnapshotReport report =
                        take(
                                target,
                                InstantChoice.END,
                                new Sending(connect(link.address(), name, registry), cuts),
                                Probe.NONE);
                assertThat(report.course().atEnd()).isTrue();
                assertThat(cuts.due).as("a cut that did not come").isFalse();
                assertThat(reconnects(registry))
                        .as("attempts after the first")
                        .isGreaterThanOrEqualTo(MOST_CUT - 1);
                OracleImage.check(target, before, receiver.place(name), report);
                receiver.store.remove(name);
            }
        }
    }

    private static OracleTarget oracle() throws Exception {
        return OracleTarget.start(
                Settings.of("anon", SIZE_BYTES, 2).withRate(WRITES_PER_SECOND), Seed.value());
    }

    private static Sender connect(
            InetSocketAddress address, String name, SimpleMeterRegistry registry)
            throws IOException {
        return Sender.connect(address, name, SENDING, registry);
    }

    private static double reconnects(SimpleMeterRegistry registry) {
        return registry.counter("stillframe.transport.reconnects").count();
    }

    private static SnapshotReport take(
            OracleTarget target, InstantChoice instant, PageSink sink, Probe probe)
            throws Exception {
        return new Snapshot(
                        NEVER_CONVERGES.withInstant(instant),
                        new SimpleMeterRegistry(),
                        Progress.NONE,
                        new Snapshot.Seams(probe, Snapshot.Seams.NONE.reader()))
                .take(target.pid(), sink);
    }

    /** The cuts of one image, and whether one is due. Thread-safe. */
    private static final class Cuts {
        private final Place place;
        private final AtomicReference<Link> link = new AtomicReference<>();
        private final AtomicBoolean due = new AtomicBoolean();

        Cuts(Place place) {
            this.place = place;
        }

        void passes(Place passed) {
            if (passed == place && due.getAndSet(false)) {
                link.get().cut();
            }
        }
    }

    /** Before the sender, so it knows the rounds. */
    private static final class Sending extends ForwardingSink {
        private final Cuts cuts;
        private int round = 1;

        Sending(PageSink next, Cuts cuts) {
            super(next);
            this.cuts = cuts;
        }

        @Override
        public void amend(Layout layout) throws IOException {
            round++;
            if (round > MOST_CUT) {
                super.amend(layout);
                return;
            }
            assertThat(cuts.due.getAndSet(true)).as("the cut of the round before").isFalse();
            super.amend(distinct(layout));
        }

        /** A layout that is the one in force is not sent again, and there is nothing to cut. */
        private Layout distinct(Layout draft) {
            return new Layout(
                    draft.pageSizeBytes(),
                    round,
                    draft.source(),
                    draft.auxv(),
                    draft.threads(),
                    draft.regions(),
                    draft.machine());
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            super.accept(batch);
            cuts.passes(Place.BATCH);
        }
    }

    /** Before the receiver's disk. */
    private record Receiving(DurableSink next, Cuts cuts) implements DurableSink {
        @Override
        public void begin(Layout layout) throws IOException {
            next.begin(layout);
        }

        @Override
        public void amend(Layout layout) throws IOException {
            cuts.passes(Place.BEFORE_THE_LAYOUT_IS_IN_FORCE);
            next.amend(layout);
            cuts.passes(Place.BEFORE_THE_LAYOUT_IS_ACKNOWLEDGED);
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            next.accept(batch);
        }

        @Override
        public String finish(Ending ending) throws IOException {
            return next.finish(ending);
        }

        @Override
        public Checkpoint checkpoint() {
            return next.checkpoint();
        }

        @Override
        public void checkpoint(Checkpoint reached) throws IOException {
            next.checkpoint(reached);
        }

        @Override
        public void suspend() {
            next.suspend();
        }

        @Override
        public void abort(String reason) {
            next.abort(reason);
        }

        @Override
        public void close() {
            next.close();
        }
    }
}
