package dev.stillframe.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A sender and a receiver over a real socket. */
@Timeout(60)
class LoopbackTest {
    private final Random random = Seed.random();
    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final BlockingQueue<MemorySink> sinks = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @Test
    void anImageArrivesAsItWasSent() throws Exception {
        SampleImage image = SampleImage.of(16 << 10, random); // 64 MiB
        try (Receiver receiver = receiver();
                Sender sender = connect(receiver, "image-1")) {
            String place = image.send(sender, 512);
            assertThat(place).isEqualTo("127.0.0.1:" + receiver.address().getPort() + "/image-1");
            MemorySink sink = sink();
            assertThat(sink.isPublished()).isTrue();
            assertThat(sink.pages()).isEqualTo(image.pages());
            assertThat(sink.closed.get(10, TimeUnit.SECONDS)).isEmpty();
            assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo("started image-1");
            assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo("published image-1 memory/image-1");
        }
    }

    private Receiver receiver() throws IOException {
        return Receiver.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                name -> {
                    MemorySink sink = new MemorySink(name);
                    sinks.add(sink);
                    return sink;
                },
                ReceiverLimits.DEFAULT,
                registry,
                new Listed());
    }

    private Sender connect(Receiver receiver, String name) throws IOException {
        return Sender.connect(receiver.address(), name, SenderOptions.DEFAULT, registry);
    }

    private MemorySink sink() throws InterruptedException {
        MemorySink sink = sinks.poll(10, TimeUnit.SECONDS);
        assertThat(sink).isNotNull();
        return sink;
    }

    private final class Listed implements ReceiverEvents {
        @Override
        public void started(SessionInfo session) {
            events.add("started " + session.imageName());
        }

        @Override
        public void published(SessionInfo session, String place) {
            events.add("published " + session.imageName() + " " + place);
        }

        @Override
        public void failed(SessionInfo session, String reason) {
            events.add("failed " + session.imageName() + " " + reason);
        }
    }
}
