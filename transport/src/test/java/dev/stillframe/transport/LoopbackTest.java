package dev.stillframe.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A sender and a receiver over a real socket. */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class LoopbackTest {
    private final Random random = Seed.random();
    private Loopback loopback;

    @BeforeEach
    void start() throws IOException {
        loopback = new Loopback(ReceiverLimits.DEFAULT);
    }

    @AfterEach
    void stop() {
        loopback.close();
    }

    @Test
    void anImageArrivesAsItWasSent() throws Exception {
        SampleImage image = SampleImage.of(16 << 10, random); // 64 MiB
        try (Sender sender = loopback.connect("image-1")) {
            String place = image.send(sender, 512);
            int port = loopback.address().getPort();
            assertThat(place).isEqualTo("127.0.0.1:" + port + "/image-1");
            MemorySink sink = loopback.nextSink();
            assertThat(sink.isPublished()).isTrue();
            assertThat(sink.pages()).isEqualTo(image.pages());
            assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isEmpty();
        }
        assertThat(loopback.nextEvent()).isEqualTo("started image-1");
        assertThat(loopback.nextEvent()).isEqualTo("published image-1 memory/image-1");
        loopback.assertServes(random);
    }

    @ParameterizedTest
    @EnumSource(NetworkTransport.class)
    void everyWayToTheKernelCarriesAnImage(NetworkTransport transport) throws Exception {
        assertThat(transport.problem()).as(transport.word()).isNull();
        System.setProperty(NetworkTransport.PROPERTY, transport.word());
        try (Loopback own = new Loopback(ReceiverLimits.DEFAULT)) {
            own.assertServes(random);
        } finally {
            System.clearProperty(NetworkTransport.PROPERTY);
        }
    }

    @ParameterizedTest
    @EnumSource(Preset.class)
    void everyPresetBringsTheSameImage(Preset preset) throws Exception {
        SampleImage image = SampleImage.of(20_000, random);
        RateLimit slow = new RateLimit(preset == Preset.ADAPTIVE ? 40L << 20 : RateLimit.UNLIMITED);
        SenderOptions options = SenderOptions.DEFAULT.withPreset(preset);
        try (Sender sender = loopback.connect("preset", options, slow)) {
            image.send(sender, 400);
            assertThat(loopback.nextSink().pages()).isEqualTo(image.pages());
        }
        double sent = count("bytes", "side", "sender");
        double data = count("pages", "side", "sender", "kind", "data") * SampleBatch.PAGE;
        if (preset == Preset.OFF) {
            assertThat(count("saved.bytes")).isZero();
            assertThat(sent).isGreaterThan(data);
        } else {
            assertThat(count("saved.bytes")).isGreaterThan(data / 20);
            assertThat(sent).isLessThan(data * 0.97);
            assertThat(count("encoded.pages", "form", "pattern")).isPositive();
        }
    }

    /** Over a Unix socket, whose file nobody else can open. */
    @ParameterizedTest
    @EnumSource(NetworkTransport.class)
    void aUnixSocketIsAsGood(NetworkTransport transport, @TempDir Path directory) throws Exception {
        SocketAddress socket = UnixDomainSocketAddress.of(directory.resolve("socket"));
        System.setProperty(NetworkTransport.PROPERTY, transport.word());
        try (Loopback own = new Loopback(ReceiverLimits.DEFAULT, socket)) {
            assertThat(Files.getPosixFilePermissions(directory.resolve("socket")))
                    .isEqualTo(PosixFilePermissions.fromString("rw-------"));
            own.assertServes(random);
            assertThatThrownBy(() -> new Loopback(ReceiverLimits.DEFAULT, socket))
                    .hasMessageContaining("somebody listens");
            own.assertServes(random);
        } finally {
            System.clearProperty(NetworkTransport.PROPERTY);
        }
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void onlyAnAbandonedSocketIsReplaced(@TempDir Path directory) throws Exception {
        Path place = directory.resolve("socket");
        Files.writeString(place, "a letter");
        SocketAddress socket = UnixDomainSocketAddress.of(place);
        assertThatThrownBy(() -> new Loopback(ReceiverLimits.DEFAULT, socket))
                .hasMessageContaining("no socket");
        assertThat(place).hasContent("a letter");
        Files.delete(place);
        ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(socket).close();
        assertThat(place).exists();
        try (Loopback own = new Loopback(ReceiverLimits.DEFAULT, socket)) {
            own.assertServes(random);
        }
    }

    /** That it is slower than the limit is no failure; that it is faster is one at any speed. */
    @Test
    void aRateIsNotExceeded() throws Exception {
        SampleImage image = SampleImage.of(10_000, random);
        long bytesPerSecond = 60L << 20;
        SenderOptions options = SenderOptions.DEFAULT.withPreset(Preset.OFF);
        long startNanos = System.nanoTime();
        try (Sender sender = loopback.connect("slow", options, new RateLimit(bytesPerSecond))) {
            image.send(sender, 100);
        }
        double seconds = (System.nanoTime() - startNanos) / 1e9;
        double unpaid = options.lanes() * 101.0 * SampleBatch.PAGE; // the last batch of each lane
        assertThat((count("bytes", "side", "sender") - unpaid) / seconds)
                .isLessThan(bytesPerSecond);
    }

    @Test
    void bothSidesCountTheSamePages() throws Exception {
        SampleImage image = SampleImage.of(1000, random);
        try (Sender sender = loopback.connect("counted")) {
            image.send(sender, 300);
        }
        for (String side : List.of("sender", "receiver")) {
            assertThat(count("batches", "side", side)).isEqualTo(4);
            assertThat(count("pages", "side", side, "kind", "data")).isEqualTo(760);
            assertThat(count("pages", "side", side, "kind", "zero")).isEqualTo(240);
            assertThat(count("bytes", "side", side)).isGreaterThan(760 * SampleBatch.PAGE);
        }
    }

    @Test
    void aLayoutOfManyThreadsAndMappingsFits() throws Exception {
        List<ThreadState> threads = new ArrayList<>();
        for (int tid = 1; tid <= 200; tid++) {
            byte[] extended = new byte[2696];
            random.nextBytes(extended);
            threads.add(
                    new ThreadState(tid, "worker", 0, 0, new byte[216], new byte[512], extended));
        }
        List<Region> regions = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            long start = 0x7f0000000000L + i * 0x4000L;
            FileReference file =
                    new FileReference("/usr/lib/library-" + i, i, 1 << 20, 1, "0123456789abcdef");
            regions.add(
                    new Region(
                            new AddressRange(start, start + 0x3000),
                            "rw-p",
                            RegionKind.PRIVATE_FILE,
                            file.path(),
                            0,
                            file,
                            List.of(new Extent(i % 3, 1, i))));
        }
        Layout small = SampleImage.layout(1);
        Layout large = new Layout(4096, 1, small.source(), new byte[320], threads, regions);
        try (Sender sender = loopback.connect("large")) {
            sender.begin(large);
            sender.accept(new SampleBatch().add(PageKind.ZERO, 0, 5000));
            List<Missing> missing =
                    IntStream.range(0, 10_000)
                            .mapToObj(
                                    i ->
                                            new Missing(
                                                    new AddressRange(
                                                            i * 8192L + 1, i * 8192L + 4096),
                                                    "discarded"))
                            .toList();
            PageRecords zeros = (_, count, into) -> putZeroRecords(count, into);
            sender.finish(new Ending(missing, RootHash.of(large, missing, zeros)));
        }
        MemorySink sink = loopback.nextSink();
        assertThat(sink.isPublished()).isTrue();
        assertThat(Json.MAPPER.writeValueAsBytes(sink.layout()))
                .isEqualTo(Json.MAPPER.writeValueAsBytes(large));
    }

    private static void putZeroRecords(int count, ByteBuffer into) {
        into.order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            into.putLong(PageKind.ZERO.code()).put(new byte[PageHash.BYTES]);
        }
    }

    /** Lanes have no order, and yet what comes in a later round counts. */
    @Test
    void whatComesInALaterRoundCounts() throws Exception {
        int pages = 512;
        SampleImage last = SampleImage.of(pages, random);
        try (Sender sender = loopback.connect("rounds")) {
            sender.begin(SampleImage.layout(pages / 2));
            for (int round = 0; round < 5; round++) {
                for (SampleBatch batch : SampleImage.of(pages / 2, random).batches(8)) {
                    sender.accept(batch);
                }
                sender.amend(SampleImage.layout(pages / 2));
            }
            sender.amend(last.layout());
            for (SampleBatch batch : last.batches(8)) {
                sender.accept(batch);
            }
            sender.finish(last.ending());
        }
        assertThat(loopback.nextSink().pages()).isEqualTo(last.pages());
    }

    @Test
    void severalSessionsRunAtOnce() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<String>> places =
                    IntStream.range(0, 8)
                            .mapToObj(i -> threads.submit(() -> sendOne("image-" + i)))
                            .toList();
            for (int i = 0; i < 8; i++) {
                assertThat(places.get(i).get(60, TimeUnit.SECONDS)).endsWith("/image-" + i);
            }
        }
        loopback.sinks.clear();
        loopback.assertServes(random);
    }

    private String sendOne(String name) throws IOException {
        try (Sender sender = loopback.connect(name)) {
            return SampleImage.of(3000, new Random(name.hashCode())).send(sender, 512);
        }
    }

    @Test
    void batchesAreReleasedWhenTheyAreWritten() throws Exception {
        SampleImage image = SampleImage.of(64, random);
        try (Sender sender = loopback.connect("released")) {
            sender.begin(image.layout());
            SampleBatch batch = image.batch(0, 64);
            sender.accept(batch);
            assertThat(batch.awaitRelease()).isTrue();
            sender.finish(image.ending());
        }
    }

    @Test
    void urgentBatchesOvertakeThoseThatWait() throws Exception {
        SampleImage image = SampleImage.of(60, random);
        try (Sender sender = loopback.connect("urgent")) {
            sender.begin(image.layout());
            MemorySink sink = loopback.nextSink();
            sink.hold();
            for (int first = 0; first < 50; first += 10) {
                sender.accept(image.batch(first, first + 10));
            }
            Loopback.await(() -> count("batches", "side", "receiver") == 5);
            sender.acceptUrgent(image.batch(50, 60));
            Loopback.await(() -> count("batches", "side", "receiver") == 6);
            sink.letGo();
            sender.finish(image.ending());
            assertThat(sink.pages()).isEqualTo(image.pages());
            assertThat(sink.order.indexOf(50L)).isEqualTo(1); // behind the one that was in the sink
        }
    }

    /** Whoever waits for memory that is with the sender makes no calls that could reconnect it. */
    @Test
    void aSenderGoesOnWithoutBeingCalled() throws Exception {
        SampleImage image = SampleImage.of(20, random);
        int port = loopback.address().getPort();
        try (Sender sender = loopback.connect("kept")) {
            sender.begin(image.layout());
            MemorySink first = loopback.nextSink();
            first.hold();
            SampleBatch batch = image.batch(0, 20);
            sender.accept(batch);
            Loopback.await(() -> count("batches", "side", "receiver") == 1);
            Thread closing = Thread.ofPlatform().start(loopback::close);
            Loopback.await(() -> loopback.errors("shutdown") >= 1);
            first.letGo();
            assertThat(closing.join(Duration.ofSeconds(20))).isTrue();
            try (Loopback next = new Loopback(ReceiverLimits.DEFAULT, port)) {
                assertThat(batch.awaitRelease()).isTrue();
                sender.finish(image.ending());
                assertThat(next.nextSink().pages()).isEqualTo(image.pages());
            }
        }
    }

    @Test
    void anAbortIsToldToTheSink() throws Exception {
        try (Sender sender = loopback.connect("given-up")) {
            sender.begin(SampleImage.layout(10));
            sender.accept(new SampleBatch().add(PageKind.ZERO, 0, 5));
            sender.abort("the target died");
        }
        MemorySink sink = loopback.nextSink();
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).contains("the target died");
        assertThat(sink.isPublished()).isFalse();
        assertThat(loopback.nextEvent()).startsWith("started");
        assertThat(loopback.nextEvent()).startsWith("failed given-up").contains("the target died");
        loopback.assertServes(random);
    }

    @Test
    void anotherRootHashIsRefusedAndNothingPublished() throws Exception {
        SampleImage image = SampleImage.of(20, random);
        try (Sender sender = loopback.connect("wrong")) {
            sender.begin(image.layout());
            sender.accept(image.batch(0, 20));
            assertThatThrownBy(() -> sender.finish(new Ending(List.of(), new byte[32])))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("another root hash")
                    .hasMessageContaining("(image)");
        }
        assertThat(loopback.nextSink().isPublished()).isFalse();
        loopback.assertServes(random);
    }

    @Test
    void aLostPageIsNoticedAtTheEnd() throws Exception {
        SampleImage image = SampleImage.of(20, random);
        try (Sender sender = loopback.connect("short")) {
            sender.begin(image.layout());
            sender.accept(image.batch(0, 19));
            assertThatThrownBy(() -> sender.finish(image.ending()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("another root hash");
        }
        assertThat(loopback.nextSink().isPublished()).isFalse();
        loopback.assertServes(random);
    }

    @Test
    void aReceiverThatShutsDownSaysSo() throws Exception {
        SampleImage image = SampleImage.of(20, random);
        SenderOptions impatient = SenderOptions.DEFAULT.withGiveUpAfter(Duration.ZERO);
        try (Sender sender = loopback.connect("interrupted", impatient)) {
            sender.begin(image.layout());
            loopback.close();
            assertThatThrownBy(() -> sender.finish(image.ending()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("shutting down");
        }
        assertThat(loopback.nextSink().closed.get(20, TimeUnit.SECONDS)).contains("shutting down");
    }

    private double count(String noun, String... tags) {
        return loopback.registry.get("stillframe.transport." + noun).tags(tags).counter().count();
    }
}
