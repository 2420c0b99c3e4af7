package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers that say nothing do not keep the receiver from others. */
@Timeout(120)
class HostilePeersTest {
    private static final int SILENT = 500;

    @TempDir private Path directory;

    @Test
    void connectionsThatSayNothingAreEndedAndOthersAreServed() throws Exception {
        List<Socket> silent = new ArrayList<>();
        try (StoreReceiver receiver = StoreReceiver.on(directory, 0)) {
            for (int i = 0; i < SILENT; i++) {
                silent.add(
                        new Socket(receiver.address().getAddress(), receiver.address().getPort()));
            }
            send(receiver, "beside");
            for (Socket socket : silent) {
                socket.setSoTimeout(20_000);
                assertThat(socket.getInputStream().readAllBytes()).isNotEmpty(); // ERROR TIMEOUT
                socket.close();
            }
            send(receiver, "afterwards");
            Signals.await("a receiver that holds nothing", receiver::holdsNothing);
        }
    }

    private static void send(StoreReceiver receiver, String name) throws IOException {
        StormImage image = StormImage.of(Seed.value(), 200);
        AtomicInteger live = new AtomicInteger();
        try (Sender sender =
                Sender.connect(
                        receiver.address(),
                        name,
                        SenderOptions.DEFAULT,
                        new SimpleMeterRegistry())) {
            image.send(sender, new Random(1), live);
        }
        image.assertExactAt(receiver.place(name));
        assertThat(live).hasValue(0);
    }
}
