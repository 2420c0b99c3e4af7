package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.Fault;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A thread of the receiver meets an error of the virtual machine: its owner and the peer hear of it
 * with its cause, what the session had is given back, and others are served.
 */
@Timeout(60)
@ExtendWith(LeakCheck.class)
class FailingSessionTest {
    private static final String DISK = "the disk is full";

    /** What a sender hears first if one of its lanes comes when the session is over already. */
    private static final String LATE_LANE = "(gone)";

    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final SampleImage image = SampleImage.of(100, Seed.random());

    /** What the sender hears, and what the owner of the receiver is told. */
    @ParameterizedTest
    @CsvSource({
        // the session's thread
        "open, injected, failed",
        "begin, injected, failed",
        "accept, injected, failed",
        "finish, injected, failed",
        "abort, disk, failed",
        "close, published, published",
        "started, injected, failed",
        "published, published, none",
        "failed, disk, none",
        // event loops: reading, and what other threads gave them to do
        "stillframe.transport.bytes, injected, failed",
        "stillframe.transport.batches, injected, failed"
    })
    void theEndOfASessionIsTold(String place, String heard, String told) throws Exception {
        Fault fault = new Fault(place);
        boolean fails = heard.equals("disk");
        MeterRegistry registry = fault.registry();
        try (Receiver receiver =
                receiver((name, _, _, _) -> new FailingSink(name, fault, fails), registry, fault)) {
            assertThat(send(receiver)).containsAnyOf(heard, LATE_LANE);
            Loopback.await(fault::hasHappened);
            if (!told.equals("none")) {
                assertThat(nextEvent())
                        .startsWith(told)
                        .contains(heard.equals("published") ? "image" : heard);
            }
            Loopback.await(() -> isFree(registry));
            if (!fails) {
                assertThat(send(receiver)).isEqualTo("published");
                assertThat(nextEvent()).startsWith("published");
                Loopback.await(() -> isFree(registry));
            }
        }
    }

    /** The thread that reads an image for a reader. */
    @Test
    void theEndOfAReadingIsTold() throws Exception {
        Fault fault = new Fault("readable");
        MeterRegistry registry = new SimpleMeterRegistry();
        SinkFactory sinks =
                new SinkFactory() {
                    @Override
                    public PageSink open(
                            String imageName,
                            byte[] sessionKey,
                            @Nullable String parent,
                            HeapAllowance heap) {
                        return new MemorySink(imageName);
                    }

                    @Override
                    public Optional<Path> readable(String imageName) {
                        fault.pass("readable");
                        return Optional.empty();
                    }
                };
        try (Receiver receiver = receiver(sinks, registry, fault);
                RawPeer peer = peer(receiver)) {
            peer.say(
                    new Message.Read(
                            Limits.VERSION, true, 10_000, new byte[Limits.NONCE_BYTES], "image"));
            assertThat(Siege.assertError(peer, ErrorCode.INTERNAL)).contains(Fault.WORDS);
            Loopback.await(() -> isFree(registry));
            assertThat(send(receiver)).isEqualTo("published");
        }
    }

    private static RawPeer peer(Receiver receiver) throws IOException {
        InetSocketAddress address = (InetSocketAddress) receiver.address();
        return new RawPeer(new Socket(address.getAddress(), address.getPort()));
    }

    private static boolean isFree(MeterRegistry registry) {
        return registry.get("stillframe.transport.sessions.open").gauge().value() == 0
                && registry.get("stillframe.transport.connections.open").gauge().value() == 0
                && registry.get("stillframe.transport.memory.bytes").gauge().value() == 0;
    }

    /** Of the session; lanes that come after its end are connections of their own. */
    private String nextEvent() throws InterruptedException {
        String event = events.poll(20, TimeUnit.SECONDS);
        while (event != null && event.contains("a lane")) {
            event = events.poll(20, TimeUnit.SECONDS);
        }
        assertThat(event).isNotNull();
        return String.valueOf(event);
    }

    /** Published, or why not. */
    private String send(Receiver receiver) {
        SenderOptions once = SenderOptions.DEFAULT.withGiveUpAfter(Duration.ZERO);
        try (Sender sender =
                Sender.connect(receiver.address(), "image", once, new SimpleMeterRegistry())) {
            image.send(sender, 30);
            return "published";
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private Receiver receiver(SinkFactory sinks, MeterRegistry registry, Fault fault)
            throws IOException {
        SinkFactory failing =
                new SinkFactory() {
                    @Override
                    public PageSink open(
                            String imageName,
                            byte[] sessionKey,
                            @Nullable String parent,
                            HeapAllowance heap)
                            throws IOException {
                        fault.pass("open");
                        return sinks.open(imageName, sessionKey, parent, heap);
                    }

                    @Override
                    public Optional<Path> readable(String imageName) throws IOException {
                        return sinks.readable(imageName);
                    }
                };
        return Receiver.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                failing,
                Siege.LIMITS,
                registry,
                new FailingOwner(fault));
    }

    private final class FailingOwner implements ReceiverEvents {
        private final Fault fault;

        FailingOwner(Fault fault) {
            this.fault = fault;
        }

        @Override
        public void started(SessionInfo session, long durable) {
            fault.pass("started");
        }

        @Override
        public void published(SessionInfo session, String place) {
            fault.pass("published");
            events.add("published " + place);
        }

        @Override
        public void failed(SessionInfo session, String reason) {
            fault.pass("failed");
            events.add("failed " + reason);
        }
    }

    /** Fails at a place; and if it {@code fails}, before that in an ordinary way. */
    private record FailingSink(MemorySink sink, Fault fault, boolean fails) implements PageSink {
        FailingSink(String name, Fault fault, boolean fails) {
            this(new MemorySink(name), fault, fails);
        }

        @Override
        public void begin(Layout layout) {
            fault.pass("begin");
            sink.begin(layout);
        }

        @Override
        public void amend(Layout layout) {
            sink.amend(layout);
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            boolean passed = false;
            try {
                fault.pass("accept");
                if (fails) {
                    throw new IOException(DISK);
                }
                passed = true;
            } finally {
                if (!passed) {
                    batch.release();
                }
            }
            sink.accept(batch);
        }

        @Override
        public String finish(Ending ending) throws IOException {
            fault.pass("finish");
            return sink.finish(ending);
        }

        @Override
        public void abort(String reason) {
            sink.abort(reason);
            fault.pass("abort");
        }

        @Override
        public void close() {
            sink.close();
            fault.pass("close");
        }
    }
}
