package dev.stillframe.transport.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.receiver.StoreSinks;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.security.PresharedKey;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Pages that are fetched from a receiver are those of its image, whatever happens on the way. */
@Timeout(60)
class RemoteImageTest {
    private static final int PAGES = 3000;
    private static final int AT_ONCE = 500;
    private static final int PAGE = SampleBatch.PAGE;

    private static final ReceiverEvents SILENT =
            new ReceiverEvents() {
                @Override
                public void published(SessionInfo session, String place) {}

                @Override
                public void suspended(SessionInfo session, String reason) {}

                @Override
                public void failed(SessionInfo session, String reason) {}
            };

    private final SampleImage sample = SampleImage.of(PAGES, Seed.random());

    @TempDir private Path directory = Path.of("");

    @Test
    void whatIsReadIsTheImage() throws Exception {
        try (Receiver receiver = receiver(stored("image"), 0, true, Credentials.NONE);
                RemoteImage image = open(receiver, "image", ReaderOptions.DEFAULT)) {
            assertThat(image.layout()).usingRecursiveComparison().isEqualTo(sample.layout());
            assertThat(image.missing()).isEmpty();
            for (int first = PAGES - AT_ONCE; first >= 0; first -= AT_ONCE) {
                assertThat(image.read(first, AT_ONCE))
                        .isEqualTo(
                                Arrays.copyOfRange(
                                        sample.pages(), first * PAGE, (first + AT_ONCE) * PAGE));
            }
            image.verify();
        }
    }

    @Test
    void whatWasNotReadIsNotVerified() throws Exception {
        try (Receiver receiver = receiver(stored("image"), 0, true, Credentials.NONE);
                RemoteImage image = open(receiver, "image", ReaderOptions.DEFAULT)) {
            image.read(0, 1);
            assertThatThrownBy(image::verify)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("root hash");
        }
    }

    @Test
    void aReceiverThatComesBackIsAskedAgain() throws Exception {
        ImageStore store = stored("image");
        Collected collected = new Collected();
        Receiver first = receiver(store, 0, true, Credentials.NONE);
        int port = ((InetSocketAddress) first.address()).getPort();
        try (RemoteImage image = open(first, "image", ReaderOptions.DEFAULT);
                FetchLane lane = image.lane("test", collected)) {
            lane.fetch(0, AT_ONCE);
            collected.await(1);
            first.close();
            for (int at = AT_ONCE; at < PAGES; at += AT_ONCE) {
                lane.fetch(at, AT_ONCE); // to nobody, as yet
            }
            try (Receiver _ = receiver(store, port, true, Credentials.NONE)) {
                collected.await(PAGES / AT_ONCE);
                assertThat(collected.pages).isEqualTo(sample.pages());
                image.verify();
            }
        } finally {
            first.close();
        }
    }

    @Test
    void anotherImageUnderTheSameNameIsNotTaken() throws Exception {
        Collected collected = new Collected();
        Receiver first = receiver(stored("image"), 0, true, Credentials.NONE);
        int port = ((InetSocketAddress) first.address()).getPort();
        ImageStore other = ImageStore.open(directory.resolve("other"));
        SampleImage.of(PAGES, Seed.random()).send(other.create("image"), AT_ONCE);
        try (RemoteImage image = open(first, "image", ReaderOptions.DEFAULT);
                FetchLane lane = image.lane("test", collected)) {
            lane.fetch(0, AT_ONCE);
            collected.await(1);
            first.close();
            try (Receiver _ = receiver(other, port, true, Credentials.NONE)) {
                lane.fetch(AT_ONCE, AT_ONCE);
                assertThat(collected.failure()).hasMessageContaining("another image");
            }
        } finally {
            first.close();
        }
    }

    @Test
    void aReceiverThatStaysAwayIsGivenUp() throws Exception {
        Collected collected = new Collected();
        Receiver receiver = receiver(stored("image"), 0, true, Credentials.NONE);
        try (RemoteImage image =
                        open(
                                receiver,
                                "image",
                                ReaderOptions.DEFAULT.withPatience(Duration.ofMillis(200)));
                FetchLane lane = image.lane("test", collected)) {
            lane.fetch(0, 1);
            collected.await(1);
            receiver.close();
            lane.fetch(1, 1);
            assertThat(collected.failure()).hasMessageContaining("for 200 ms");
        } finally {
            receiver.close();
        }
    }

    @Test
    void aPageThatIsDamagedThereIsNotTaken() throws Exception {
        ImageStore store = stored("image");
        try (FileChannel pages =
                FileChannel.open(
                        store.resolve("image").resolve("pages"), StandardOpenOption.WRITE)) {
            pages.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}), 5 * PAGE);
        }
        try (Receiver receiver = receiver(store, 0, true, Credentials.NONE);
                RemoteImage image =
                        open(
                                receiver,
                                "image",
                                ReaderOptions.DEFAULT.withPatience(Duration.ofMillis(200)))) {
            assertThat(image.read(6, 1))
                    .isEqualTo(Arrays.copyOfRange(sample.pages(), 6 * PAGE, 7 * PAGE));
            assertThatThrownBy(() -> image.read(5, 1)).hasMessageContaining("page 5");
        }
    }

    @Test
    void nobodyReadsWhatIsNotForReading() throws Exception {
        try (Receiver receiver = receiver(stored("image"), 0, false, Credentials.NONE)) {
            assertThatThrownBy(() -> open(receiver, "image", ReaderOptions.DEFAULT))
                    .hasMessageContaining("no image image is here to be read");
        }
        try (Receiver receiver =
                receiver(ImageStore.open(directory.resolve("store")), 0, true, Credentials.NONE)) {
            assertThatThrownBy(() -> open(receiver, "other", ReaderOptions.DEFAULT))
                    .hasMessageContaining("no image other is here to be read");
            assertThatThrownBy(() -> open(receiver, "../image", ReaderOptions.DEFAULT))
                    .hasMessageContaining("name");
        }
    }

    @Test
    void bothSidesProveTheSharedKey() throws Exception {
        Credentials right =
                new Credentials(null, key("0123456789abcdef0123456789abcdef"), Set.of());
        Credentials wrong =
                new Credentials(null, key("f123456789abcdef0123456789abcdef"), Set.of());
        try (Receiver receiver = receiver(stored("image"), 0, true, right)) {
            try (RemoteImage image =
                    open(receiver, "image", ReaderOptions.DEFAULT.withCredentials(right))) {
                assertThat(image.read(0, 1)).isEqualTo(Arrays.copyOf(sample.pages(), PAGE));
            }
            assertThatThrownBy(
                            () ->
                                    open(
                                            receiver,
                                            "image",
                                            ReaderOptions.DEFAULT.withCredentials(wrong)))
                    .hasMessageContaining("no proof");
            assertThatThrownBy(() -> open(receiver, "image", ReaderOptions.DEFAULT))
                    .hasMessageContaining("wants proof");
        }
    }

    private PresharedKey key(String digits) throws IOException {
        Path file = Files.writeString(directory.resolve("key"), digits);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return PresharedKey.read(file);
    }

    private ImageStore stored(String name) throws IOException {
        ImageStore store = ImageStore.open(directory.resolve("store"));
        sample.send(store.create(name), AT_ONCE);
        return store;
    }

    private static Receiver receiver(
            ImageStore store, int port, boolean readable, Credentials credentials)
            throws IOException {
        return Receiver.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                new StoreSinks(store, readable),
                ReceiverLimits.DEFAULT,
                credentials,
                new SimpleMeterRegistry(),
                SILENT);
    }

    private static RemoteImage open(Receiver receiver, String name, ReaderOptions options)
            throws IOException {
        return RemoteImage.open(receiver.address(), name, options);
    }

    /** What arrived, in its place. */
    private static final class Collected implements Arrivals {
        private final byte[] pages = new byte[PAGES * PAGE];
        private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
        private int batches;

        @Override
        public void arrived(PageBatch batch) {
            for (int run = 0; run < batch.runCount(); run++) {
                if (batch.kind(run) == PageKind.DATA) {
                    int at = (int) batch.firstOrdinal(run) * PAGE;
                    MemorySegment.copy(
                            batch.data(run),
                            ValueLayout.JAVA_BYTE,
                            0,
                            pages,
                            at,
                            (int) batch.data(run).byteSize());
                }
            }
            events.add("batch");
        }

        @Override
        public void failed(IOException cause) {
            events.add(cause);
        }

        void await(int count) throws InterruptedException {
            while (batches < count) {
                assertThat(events.poll(20, TimeUnit.SECONDS)).isEqualTo("batch");
                batches++;
            }
        }

        Throwable failure() throws InterruptedException {
            while (true) {
                Object event = events.poll(20, TimeUnit.SECONDS);
                if (!"batch".equals(event)) {
                    assertThat(event).isInstanceOf(IOException.class);
                    return (Throwable) event;
                }
            }
        }
    }
}
