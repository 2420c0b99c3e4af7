package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.document.DocumentWeight;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Readers that ask for what is not there or do not take what they asked for are given up, and hold
 * nothing then.
 */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class HostileReaderTest {
    private static final int PAGES = 20_000;
    private static final int IDLE_MILLIS = 1_000;

    private SimpleMeterRegistry registry = new SimpleMeterRegistry();

    @TempDir private Path directory = Path.of("");
    private @Nullable Receiver receiver;

    @BeforeEach
    void store() throws IOException {
        SampleImage.of(PAGES, Seed.random()).send(ImageStore.open(directory).create("image"), 1000);
        listen(ReceiverLimits.DEFAULT.maxDocumentHeapBytes());
    }

    private void restart(long documentHeapBytes) throws IOException {
        Objects.requireNonNull(receiver).close();
        registry = new SimpleMeterRegistry();
        listen(documentHeapBytes);
    }

    private void listen(long documentHeapBytes) throws IOException {
        ImageStore store = ImageStore.open(directory);
        Duration idle = Duration.ofMillis(IDLE_MILLIS);
        receiver =
                Receiver.start(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        new StoreSinks(store, true),
                        ReceiverLimits.DEFAULT
                                .withDocumentHeapBytes(documentHeapBytes)
                                .withDeadlines(
                                        new ReceiverLimits.Deadlines(
                                                idle, idle, Duration.ofMinutes(5))),
                        Credentials.NONE,
                        registry,
                        ReceiverEvents.NONE);
    }

    @AfterEach
    void nothingIsHeld() throws Exception {
        Loopback.await(this::isFree);
        Objects.requireNonNull(receiver).close();
    }

    @Test
    void pagesThatTheImageDoesNotHave() throws Exception {
        try (RawPeer peer = reading("image")) {
            peer.say(new Message.Fetch(1, PAGES - 1, 2));
            assertThat(Siege.assertError(peer, ErrorCode.IMAGE)).contains("the image has " + PAGES);
        }
    }

    @Test
    void moreFetchesThanAllowed() throws Exception {
        try (RawPeer peer = reading("image")) {
            ByteArrayOutputStream many = new ByteArrayOutputStream();
            for (int i = 1; i <= 100 * Limits.MAX_FETCHES; i++) {
                many.writeBytes(Frames.of(new Message.Fetch(i, 0, 1000)));
            }
            peer.flood(many.toByteArray());
            Loopback.await(this::isFree);
        }
    }

    @Test
    void whatASenderSays() throws Exception {
        try (RawPeer peer = reading("image")) {
            peer.say(new Message.Abort("no"));
            Siege.assertError(peer, ErrorCode.ORDER);
        }
    }

    /** It says that it is there, but takes nothing. */
    @Test
    void answersThatNobodyTakes() throws Exception {
        try (RawPeer peer = reading("image")) {
            for (int i = 1; i <= Limits.MAX_FETCHES; i++) {
                peer.say(new Message.Fetch(i, 0, 1000));
            }
            Loopback.await(
                    () -> {
                        peer.flood(Frames.of(new Message.KeepAlive()));
                        return isFree();
                    });
        }
    }

    /**
     * What an image takes to be read is the receiver's: it has so much for all readers, and gets it
     * back.
     */
    @Test
    void imagesThatTakeTooMuchTogetherHaveToWait() throws Exception {
        byte[] manifest = Files.readAllBytes(directory.resolve("image").resolve("manifest.json"));
        DocumentWeight weight = new DocumentWeight();
        weight.add(manifest, 0, manifest.length);
        restart(weight.heapBytes() * 3 / 2);
        try (RawPeer first = reading("image")) {
            try (RawPeer second = connected("image")) {
                assertThat(Siege.assertError(second, ErrorCode.BUSY)).contains("heap", "others");
            }
            first.say(new Message.Fetch(1, 0, 1)); // is served as before
        }
        Loopback.await(this::isFree);
        reading("image").close();
        Loopback.await(this::isFree);
        restart(weight.heapBytes() - 1);
        try (RawPeer alone = connected("image")) {
            assertThat(Siege.assertError(alone, ErrorCode.LIMIT)).contains("manifest.json", "-Xmx");
        }
    }

    @Test
    void silence() throws Exception {
        try (RawPeer peer = reading("image")) {
            assertThat(Siege.assertError(peer, ErrorCode.TIMEOUT)).contains("nothing came");
        }
    }

    private boolean isFree() {
        return registry.get("stillframe.transport.sessions.open").gauge().value() == 0;
    }

    private RawPeer reading(String name) throws Exception {
        RawPeer peer = connected(name);
        assertThat(peer.hear()).isInstanceOf(Message.Found.class);
        return peer;
    }

    private RawPeer connected(String name) throws Exception {
        InetSocketAddress address = (InetSocketAddress) Objects.requireNonNull(receiver).address();
        RawPeer peer = new RawPeer(new Socket(address.getAddress(), address.getPort()));
        peer.say(
                new Message.Read(
                        Limits.VERSION, false, IDLE_MILLIS, new byte[Limits.NONCE_BYTES], name));
        return peer;
    }
}
