package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** kill -9 of the receiver, again and again within one transfer: the image is exact in the end. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class KilledReceiverTest {
    private static final int PAGES = 8000;
    private static final int BATCH_PAGES = 8;
    private static final long LONGEST_LIFE_NANOS = 300_000_000;

    /** Lost connections are noticed by their resets; nothing here waits for a timeout. */
    private static final SenderOptions OPTIONS =
            SenderOptions.DEFAULT
                    .withLanes(3)
                    .withRetainBytes(SenderOptions.MIN_RETAIN_BYTES)
                    .withGiveUpAfter(Duration.ofMinutes(2));

    @TempDir private Path directory;
    private final RandomGenerator random = Seed.random("KilledReceiverTest");

    @Test
    void aReceiverThatIsKilledAgainAndAgainEndsWithTheImage() throws Exception {
        kill(StormImage.of(random.nextLong(), PAGES), null);
        assertThat(ImageStore.open(directory).list()).hasSize(1);
    }

    @Test
    void theSameOfAnImageThatSharesPagesWithAnother() throws Exception {
        StormImage parent = StormImage.of(random.nextLong(), PAGES);
        parent.send(
                ImageStore.open(directory).create("parent"),
                new Random(1),
                BATCH_PAGES,
                new AtomicInteger());
        kill(StormImage.childOf(parent, random.nextLong()), parent.rootHash());
        assertThat(ImageStore.open(directory).list()).hasSize(2);
        try (ImageReader reader = ImageReader.open(directory.resolve("image"))) {
            assertThat(reader.parent()).isEqualTo(parent.rootHash());
        }
    }

    private void kill(StormImage image, @Nullable String parent) throws Exception {
        int kills = Campaign.turns(5, 100);
        AtomicInteger live = new AtomicInteger();
        Gates gates = new Gates();
        int batches = image.batches(new Random(1), BATCH_PAGES).size();
        try (Socket reservation = new Socket();
                ExecutorService thread = Executors.newSingleThreadExecutor()) {
            // Keeps the port ours while nobody listens on it.
            reservation.setReuseAddress(true);
            reservation.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            int port = reservation.getLocalPort();
            TargetProcess child = receiver(port);
            // Connected before the first kill: only a session that has begun is taken up again.
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            try (Sender sender = connect(port, parent, registry)) {
                Future<String> sent =
                        thread.submit(
                                () ->
                                        image.send(
                                                gates.guard("image", sender),
                                                new Random(1),
                                                BATCH_PAGES,
                                                live));
                // Batches go as the gate lets them, so it cannot end before the last kill.
                for (int kill = 0; kill < kills; kill++) {
                    double before = sent(registry);
                    gates.of("image").allow(batches / (kills + 1));
                    awaitMore(registry, before); // so that each kill strikes an attempt at work
                    LockSupport.parkNanos(random.nextLong(LONGEST_LIFE_NANOS));
                    assertThat(sent).as("the transfer at kill %d", kill).isNotDone();
                    child.kill();
                    child.awaitExit();
                    child.close();
                    child = receiver(port);
                }
                gates.of("image").open();
                sent.get(3, TimeUnit.MINUTES);
                assertThat(registry.counter("stillframe.transport.reconnects").count())
                        .isGreaterThanOrEqualTo(kills);
            } finally {
                gates.of("image").open();
                child.close();
            }
        }
        assertThat(live).hasValue(0);
        image.assertExactAt(directory.resolve("image"));
    }

    private static double sent(SimpleMeterRegistry registry) {
        return registry.counter("stillframe.transport.batches", "side", "sender").count();
    }

    private static void awaitMore(SimpleMeterRegistry registry, double before) {
        long until = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (sent(registry) <= before) {
            assertThat(System.nanoTime()).as("the end of the patience").isLessThan(until);
            Thread.onSpinWait();
        }
    }

    private static Sender connect(int port, @Nullable String parent, SimpleMeterRegistry registry)
            throws IOException {
        return Sender.connect(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                new Sender.Announced("image", parent),
                OPTIONS,
                new RateLimit(RateLimit.UNLIMITED),
                registry);
    }

    private TargetProcess receiver(int port) throws Exception {
        TargetProcess child =
                TargetProcess.start(
                        JavaCommand.of(
                                ReceiverChild.class,
                                List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                                List.of(directory.toString(), Integer.toString(port))));
        child.awaitReady();
        return child;
    }
}
