package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Two sessions at one receiver, one with many lanes: its memory for batches is shared out by
 * sessions, so neither keeps the other from going on. Batches pass one by one, so nothing depends
 * on time.
 */
@Timeout(180)
class FairnessTest {
    private static final int PAGES = 2000;
    private static final int BATCH_PAGES = 8;

    /** Batches that are shared out, besides {@link ReceiverLimits#MIN_CREDITS} for each session. */
    private static final int SHARED = 4;

    private static final ReceiverLimits LIMITS =
            new ReceiverLimits(
                    64,
                    64,
                    8,
                    16,
                    32,
                    SHARED,
                    0,
                    1 << 20,
                    64 << 20,
                    StoreReceiver.LIMITS.deadlines());

    /** What a session has if it is alone, and if there are two. */
    private static final int ALONE = ReceiverLimits.MIN_CREDITS + SHARED;

    private static final int EACH = ReceiverLimits.MIN_CREDITS + SHARED / 2;

    @TempDir private Path directory;
    private final Gates gates = new Gates();
    private final AtomicInteger live = new AtomicInteger();
    private StoreReceiver receiver;
    private ExecutorService threads;

    @BeforeEach
    void start() throws IOException {
        receiver = StoreReceiver.gated(directory, gates, LIMITS);
        threads = Executors.newFixedThreadPool(2);
    }

    @AfterEach
    void stop() throws Exception {
        gates.of("first").open();
        gates.of("second").open();
        threads.shutdown();
        assertThat(threads.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
        receiver.close();
        assertThat(live).hasValue(0);
    }

    @ParameterizedTest
    @CsvSource({"8, 1", "1, 8"})
    void aSessionThatIsStuckLeavesRoomForAnother(int firstLanes, int secondLanes) throws Exception {
        StormImage stuck = StormImage.of(Seed.value(), PAGES);
        StormImage image = StormImage.of(Seed.value() + 1, PAGES);
        Future<String> first = send("first", stuck, firstLanes);
        Signals.await("all that the first may send", () -> receiver.batches() == ALONE);
        Future<String> second = send("second", image, secondLanes);
        gates.of("second").open();
        second.get(60, TimeUnit.SECONDS);
        image.assertExactAt(receiver.place("second"));
        assertThat(gates.of("first").passed()).isZero();
        assertThat(first).isNotDone();
        gates.of("first").open();
        first.get(60, TimeUnit.SECONDS);
        stuck.assertExactAt(receiver.place("first"));
    }

    @ParameterizedTest
    @CsvSource({"8, 1", "1, 8"})
    void bothGetTheSameShareAndGoOnStepByStep(int firstLanes, int secondLanes) throws Exception {
        StormImage one = StormImage.of(Seed.value(), PAGES);
        StormImage other = StormImage.of(Seed.value() + 1, PAGES);
        Future<String> first = send("first", one, firstLanes);
        Signals.await("all that the first may send", () -> receiver.batches() == ALONE);
        Future<String> second = send("second", other, secondLanes);
        Signals.await(
                "the least for the second",
                () -> receiver.batches() >= ALONE + ReceiverLimits.MIN_CREDITS);
        List<Gates.Gate> both = List.of(gates.of("first"), gates.of("second"));
        for (int step = 1; step <= 20; step++) {
            for (Gates.Gate gate : both) {
                int steps = step;
                gate.allow(1);
                Signals.await("step " + steps, () -> gate.passed() == steps);
            }
        }
        Signals.await("the same share for both", () -> receiver.batches() == 40 + 2 * EACH);
        both.forEach(Gates.Gate::open);
        first.get(60, TimeUnit.SECONDS);
        second.get(60, TimeUnit.SECONDS);
        one.assertExactAt(receiver.place("first"));
        other.assertExactAt(receiver.place("second"));
    }

    private Future<String> send(String name, StormImage image, int lanes) {
        return threads.submit(
                () -> {
                    try (Sender sender =
                            Sender.connect(
                                    receiver.address(),
                                    name,
                                    SenderOptions.DEFAULT.withLanes(lanes),
                                    new SimpleMeterRegistry())) {
                        return image.send(sender, new Random(Seed.value()), BATCH_PAGES, live);
                    }
                });
    }
}
