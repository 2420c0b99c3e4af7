package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * One image through one link, and what has to hold afterwards. Immutable.
 *
 * @param name of the image
 * @param image what is sent; its parent, if it has one, is put into the store before
 * @param plan what the network does
 * @param lanes connections that carry pages
 * @param order seed of the order of the runs
 * @param credentials of both sides
 */
record StormSession(
        String name,
        StormImage image,
        NetworkPlan plan,
        int lanes,
        long order,
        Credentials credentials) {
    private static final SenderOptions OPTIONS =
            SenderOptions.DEFAULT
                    .withRetainBytes(SenderOptions.MIN_RETAIN_BYTES)
                    .withTimeouts(
                            new SenderOptions.Timeouts(
                                    Duration.ofSeconds(5),
                                    Duration.ofSeconds(20),
                                    StoreReceiver.IDLE))
                    .withGiveUpAfter(Duration.ofSeconds(90));

    private static final String PARENT = "-parent";
    private static final long BETWEEN_ATTEMPTS_NANOS = 10_000_000;

    /** Attempts that meet nobody while the receiver is down for half a second, and some more. */
    private static final int DOWN_ATTEMPTS = 200;

    private Preset preset() {
        Preset[] presets = Preset.values();
        return presets[Math.floorMod(order, presets.length)];
    }

    /**
     * What happened.
     *
     * @param refusals what the sender was told before its session had begun
     * @param struck what the network did
     */
    record Outcome(List<IOException> refusals, List<Link.Strike> struck) {}

    /**
     * Sends the image through a link of its own. A session that has begun has to end with the
     * image, exact, whatever the plan; before that the sender may be refused with a reason, and is
     * sent again.
     */
    Outcome run(HostileNetwork network, StoreReceiver receiver, AtomicInteger live)
            throws IOException {
        StormImage parent = image.parent();
        if (parent != null) {
            parent.send(receiver.store.create(name + PARENT), new Random(order), live);
        }
        try (Link link = network.link(receiver.address(), plan)) {
            List<IOException> refusals = new ArrayList<>();
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            try (Sender sender = connect(link, refusals, registry)) {
                image.send(sender, new Random(order), live);
            } catch (IOException | RuntimeException e) {
                throw new AssertionError("met " + link.struck(), e);
            }
            image.assertExactAt(receiver.place(name));
            if (plan.losesNothing()) {
                assertThat(refusals).isEmpty();
                assertThat(registry.get("stillframe.transport.reconnects").counter().count())
                        .as("attempts after the first, with nothing lost")
                        .isZero();
            }
            return new Outcome(refusals, link.struck());
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(this + " ended wrong", e);
        }
    }

    /** The images that are in the store when it has run. */
    List<String> images() {
        return image.parent() == null ? List.of(name) : List.of(name, name + PARENT);
    }

    /** Fails after as many refusals as the network has connections to spoil. */
    private Sender connect(Link link, List<IOException> refusals, MeterRegistry registry)
            throws IOException {
        while (true) {
            try {
                StormImage parent = image.parent();
                return Sender.connect(
                        link.address(),
                        new Sender.Announced(name, parent == null ? null : parent.rootHash()),
                        OPTIONS.withLanes(lanes).withPreset(preset()).withCredentials(credentials),
                        new RateLimit(RateLimit.UNLIMITED),
                        registry);
            } catch (IOException e) {
                assertThat(e.getMessage()).contains("127.0.0.1").hasSizeGreaterThan(30);
                refusals.add(e);
                if (refusals.size() > plan.connections().size() + DOWN_ATTEMPTS) {
                    throw e;
                }
                LockSupport.parkNanos(BETWEEN_ATTEMPTS_NANOS); // as a person would wait
            }
        }
    }
}
