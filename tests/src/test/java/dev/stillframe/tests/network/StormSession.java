package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One image through one link, and what has to hold afterwards. Immutable.
 *
 * @param name of the image
 * @param image what is sent
 * @param plan what the network does
 * @param order seed of the order of the runs
 */
record StormSession(String name, StormImage image, NetworkPlan plan, long order) {
    private static final SenderOptions OPTIONS =
            new SenderOptions(
                    Duration.ofSeconds(5),
                    Duration.ofSeconds(20),
                    Duration.ofSeconds(30),
                    StoreReceiver.IDLE);

    /** How a session may end. */
    enum Allowed {
        /** With the image, exact. */
        EXACT,
        /**
         * That, or with an error that says why and no image; if only the receiver's last answer was
         * lost, the image is there, exact.
         */
        EXACT_OR_REFUSED
    }

    /**
     * How it ended.
     *
     * @param refusal what the sender was told; null if the image is there
     * @param struck what the network did
     */
    record Outcome(@Nullable IOException refusal, List<Link.Strike> struck) {}

    /** What the plan allows: a sender without resumption survives what loses nothing. */
    Allowed allowed() {
        return plan.losesNothing() ? Allowed.EXACT : Allowed.EXACT_OR_REFUSED;
    }

    /** Sends the image through a link of its own and checks how that ended. */
    Outcome run(HostileNetwork network, StoreReceiver receiver, AtomicInteger live)
            throws IOException {
        try (Link link = network.link(receiver.address(), plan)) {
            IOException refusal = null;
            try {
                send(link.address(), live);
            } catch (IOException e) {
                refusal = e;
            }
            Outcome outcome = new Outcome(refusal, link.struck());
            check(outcome, receiver);
            return outcome;
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(this + " ended wrong", e);
        }
    }

    private void send(InetSocketAddress address, AtomicInteger live) throws IOException {
        try (Sender sender = Sender.connect(address, name, OPTIONS, new SimpleMeterRegistry())) {
            image.send(sender, new Random(order), live);
        }
    }

    private void check(Outcome outcome, StoreReceiver receiver) throws IOException {
        IOException refusal = outcome.refusal();
        boolean published = Files.exists(receiver.place(name));
        if (published) {
            image.assertExactAt(receiver.place(name));
        }
        if (refusal == null) {
            assertThat(published).as("published").isTrue();
            return;
        }
        if (allowed() == Allowed.EXACT) {
            throw new AssertionError("refused; met " + outcome.struck(), refusal);
        }
        assertThat(refusal.getMessage()).contains("receiver").hasSizeGreaterThan(30);
    }

    /** What is left of an attempt that was refused keeps nobody from trying again. */
    void sendAgain(StoreReceiver receiver, AtomicInteger live) throws IOException {
        if (!Files.exists(receiver.place(name))) {
            send(receiver.address(), live);
        }
        image.assertExactAt(receiver.place(name));
    }
}
