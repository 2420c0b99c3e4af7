package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.network.StormSession.Outcome;
import dev.stillframe.tests.system.Campaign;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.transport.security.Credentials;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many sessions through a network that does what a random plan says, of images that stand alone and
 * of children: each that has begun ends with the exact image, and nothing is left behind.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class StormTest {
    private static final int AT_ONCE = 8;
    private static final int SESSION_SECONDS = 180;

    /** All kinds of faults and of doors but the open one, and an ending. */
    private static final int KINDS = 10;

    @TempDir private Path directory;
    private final AtomicInteger live = new AtomicInteger();

    @Test
    void everySessionEndsExact() throws Exception {
        everySessionEndsExact(Credentials.NONE, Campaign.turns(60, 1000));
    }

    @Test
    void everySessionOverTlsEndsExact() throws Exception {
        everySessionEndsExact(Certificates.make(), Campaign.turns(60, 500));
    }

    private void everySessionEndsExact(Credentials credentials, int sessions) throws Exception {
        try (ErrorWatch watch = new ErrorWatch()) {
            storm(1, credentials, new TreeMap<>()); // loads classes and makes the pools
            Openings before = Openings.now();
            Map<String, Integer> met = new TreeMap<>();
            storm(sessions, credentials, met);
            Signals.await("the descriptors of before", () -> Openings.now().equals(before));
            assertThat(Openings.below(directory)).isEmpty();
            assertThat(live).hasValue(0);
            watch.assertNoErrors();
            System.out.println("storm: " + met);
            assertThat(met).containsKeys("Cut", "exact");
            assertThat(met).hasSizeGreaterThanOrEqualTo(Campaign.turns(5, KINDS));
        }
    }

    private void storm(int count, Credentials credentials, Map<String, Integer> met)
            throws Exception {
        try (HostileNetwork network = new HostileNetwork();
                StoreReceiver receiver =
                        StoreReceiver.on(directory.resolve("store-" + count), 0, credentials);
                ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE)) {
            List<StormSession> sessions = sessions(count, credentials);
            List<Future<Outcome>> running =
                    sessions.stream()
                            .map(
                                    session ->
                                            threads.submit(
                                                    () -> session.run(network, receiver, live)))
                            .toList();
            collect(running, met);
            Signals.await("a receiver that holds nothing", receiver::holdsNothing);
            assertOnlyImages(receiver.store, sessions);
        }
    }

    /** Waits for all, so that one campaign shows all that goes wrong. */
    private static void collect(List<Future<Outcome>> running, Map<String, Integer> met)
            throws Exception {
        AssertionError wrong = new AssertionError("sessions that ended wrong");
        for (Future<Outcome> session : running) {
            try {
                count(session.get((long) running.size() * SESSION_SECONDS, TimeUnit.SECONDS), met);
            } catch (ExecutionException e) {
                wrong.addSuppressed(e.getCause());
            }
        }
        if (wrong.getSuppressed().length > 0) {
            throw wrong;
        }
    }

    private static List<StormSession> sessions(int count, Credentials credentials)
            throws IOException {
        List<StormSession> sessions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Random random = new Random(Seed.value() + i);
            int pages = random.nextInt(4) > 0 ? 32 + random.nextInt(300) : random.nextInt(2000) + 1;
            StormImage image = StormImage.of(random.nextLong(), pages);
            if (random.nextBoolean()) {
                image = StormImage.childOf(image, random.nextLong());
            }
            NetworkPlan plan = Plans.random(random, 1 + image.dataBytes());
            sessions.add(
                    new StormSession(
                            "image-" + i,
                            image,
                            plan,
                            1 + random.nextInt(8),
                            random.nextLong(),
                            credentials));
        }
        return sessions;
    }

    private static void count(Outcome outcome, Map<String, Integer> met) {
        met.merge("exact", 1, Integer::sum);
        outcome.refusals().forEach(_ -> met.merge("refused", 1, Integer::sum));
        for (Link.Strike strike : outcome.struck()) {
            met.merge(strike.by().getClass().getSimpleName(), 1, Integer::sum);
        }
    }

    /** Every image is there; half-done ones can be removed, so nobody uses them. */
    private static void assertOnlyImages(ImageStore store, List<StormSession> sessions)
            throws IOException {
        List<String> published = new ArrayList<>();
        for (ImageStore.Entry entry : store.list()) {
            if (entry.published()) {
                published.add(entry.name());
            } else {
                store.remove(entry.name());
            }
        }
        assertThat(published)
                .containsExactlyInAnyOrderElementsOf(
                        sessions.stream().flatMap(s -> s.images().stream()).toList());
    }
}
