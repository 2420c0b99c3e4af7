package dev.stillframe.transport.sender;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A sender against receivers that are none, or not as they should be. */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class SenderTest {
    private static final SenderOptions OPTIONS =
            options(Duration.ofSeconds(20), Duration.ofMillis(300), Duration.ofSeconds(20));

    private static final int WINDOW = 2;

    private final Random random = Seed.random();
    private final ExecutorService peer = Executors.newSingleThreadExecutor();
    private final CompletableFuture<Void> script = new CompletableFuture<>();
    private final CountDownLatch testEnded = new CountDownLatch(1);
    private final List<RawPeer> lanes = new CopyOnWriteArrayList<>();
    private ServerSocket listener;

    /** What the receiver of a test does. */
    private interface Script {
        void play(RawPeer sender) throws Exception;
    }

    @BeforeEach
    void listen() throws IOException {
        listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
    }

    @AfterEach
    void end() throws Exception {
        testEnded.countDown();
        for (RawPeer lane : lanes) {
            lane.close();
        }
        listener.close();
        peer.shutdown();
        assertThat(peer.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
        if (script.isDone()) {
            script.get();
        }
    }

    @Test
    void aPortWhereNobodyListensIsTold() throws Exception {
        listener.close();
        assertThatThrownBy(() -> connect(OPTIONS))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(":" + listener.getLocalPort())
                .hasMessageContaining("refused")
                .hasMessageContaining("check");
    }

    @Test
    void anUnknownHostIsTold() {
        InetSocketAddress nowhere =
                InetSocketAddress.createUnresolved("no-such-host.invalid", 7411);
        assertThatThrownBy(() -> Sender.connect(nowhere, "x", OPTIONS, new SimpleMeterRegistry()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no-such-host.invalid:7411");
    }

    @Test
    void namesAreCheckedBeforeAnythingIsSent() {
        assertThatThrownBy(
                        () ->
                                Sender.connect(
                                        (InetSocketAddress) listener.getLocalSocketAddress(),
                                        "../x",
                                        OPTIONS,
                                        new SimpleMeterRegistry()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("name");
    }

    @Test
    void aReceiverThatNeverAnswersIsGivenUp() throws Exception {
        play(sender -> testEnded.await());
        SenderOptions hasty =
                options(Duration.ofMillis(300), Duration.ofMillis(300), Duration.ofSeconds(20));
        assertThatThrownBy(() -> connect(hasty))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("did not answer for 300 ms");
    }

    @Test
    void garbageForAnAnswerIsTold() throws Exception {
        byte[] garbage = new byte[4096];
        random.nextBytes(garbage);
        play(sender -> sender.say(garbage));
        assertThatThrownBy(() -> connect(OPTIONS))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("does not answer as a Stillframe receiver");
    }

    @Test
    void anAnswerThatOnlyASenderMayGiveIsTold() throws Exception {
        play(sender -> sender.say(new Message.Abort("mirrored")));
        assertThatThrownBy(() -> connect(OPTIONS))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is it a receiver?");
    }

    @Test
    void aRefusalIsToldInTheReceiversWords() throws Exception {
        play(sender -> sender.say(new Message.Refusal(ErrorCode.STORE, "x exists already")));
        assertThatThrownBy(() -> connect(OPTIONS))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("x exists already (store)");
    }

    @Test
    void aReceiverThatGoesAwayIsNoticed() throws Exception {
        play(
                sender -> {
                    begin(sender);
                    assertThatThrownBy(lanes.getFirst()::hear).hasMessageContaining("batch");
                    // and closes
                });
        assertFailsWhileSending("closed the connection|was lost");
    }

    /**
     * However many attempts there were: they cost the sender no time that the clock does not see.
     */
    @Test
    void aReceiverThatIsGoneIsGivenUpWhenTheClockSaysSo() throws Exception {
        MockClock clock = new MockClock();
        Duration limit = Duration.ofMinutes(10);
        play(
                sender -> {
                    begin(sender);
                    sender.close();
                    for (int attempt = 0; attempt < 3; attempt++) {
                        listener.accept().close();
                    }
                    clock.add(limit);
                    listener.close();
                });
        try (Sender sender = connect(OPTIONS.withGiveUpAfter(limit), clock)) {
            assertThatThrownBy(() -> sendFor(sender, 100))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("given up after 600 s without progress");
        }
        assertThat(script).isCompleted();
    }

    @Test
    void aReceiverThatTakesNothingIsGivenUpAfterTheStallTimeout() throws Exception {
        play(
                sender -> {
                    begin(sender);
                    testEnded.await();
                });
        assertFailsWhileSending("took no pages for 300 ms");
    }

    @Test
    void aReceiverThatDoesNotAcceptTheLayoutIsGivenUp() throws Exception {
        play(
                sender -> {
                    sender.hear();
                    sender.say(welcome());
                    attached();
                    testEnded.await();
                });
        try (Sender sender = connect(OPTIONS)) {
            assertThatThrownBy(() -> sender.begin(SampleImage.layout(10)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("did not begin the image for 300 ms");
        }
    }

    @Test
    void aSilentReceiverIsGivenUpAfterTheIdleTimeout() throws Exception {
        play(
                sender -> {
                    begin(sender);
                    testEnded.await();
                });
        SenderOptions patient =
                options(
                        Duration.ofSeconds(20),
                        Duration.ofSeconds(20),
                        Duration.ofMillis(Limits.MIN_IDLE_MILLIS));
        try (Sender sender = connect(patient)) {
            assertThatThrownBy(() -> sendFor(sender, 100))
                    .hasMessageContaining("nothing was heard");
        }
    }

    @Test
    void aLayoutThatIsTooLongForTheReceiverIsNotSent() throws Exception {
        play(
                sender -> {
                    sender.hear();
                    sender.say(
                            new Message.HelloAck(
                                    Limits.VERSION, 1, 0, WINDOW, 2 << 20, 1024, 20_000, 10, 0));
                    testEnded.await();
                });
        try (Sender sender = connect(OPTIONS)) {
            assertThatThrownBy(() -> sender.begin(SampleImage.layout(10)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("takes 10");
        }
    }

    @Test
    void aBatchThatIsTooLargeForTheReceiverIsRefusedAndReleased() throws Exception {
        play(
                sender -> {
                    sender.hear();
                    sender.say(
                            new Message.HelloAck(
                                    Limits.VERSION, 1, 0, WINDOW, 65_536, 1, 20_000, 1 << 20, 0));
                    sender.hear();
                    begun(sender);
                    testEnded.await();
                });
        try (Sender sender = connect(OPTIONS)) {
            sender.begin(SampleImage.layout(100));
            SampleBatch batch = new SampleBatch().addRandom(0, 17, random);
            assertThatThrownBy(() -> sender.accept(batch))
                    .hasMessageContaining("takes 1 runs and 65536 bytes");
            assertThat(batch.awaitRelease()).isTrue();
        }
    }

    @Test
    void anotherRootHashFromTheReceiverIsNotASuccess() throws Exception {
        byte[] other = new byte[RootHash.BYTES];
        other[0] = 1;
        play(
                sender -> {
                    begin(sender);
                    sender.hear(); // MISSING
                    sender.hear(); // END
                    sender.say(new Message.Published(other, "elsewhere"));
                    testEnded.await();
                });
        try (Sender sender = connect(OPTIONS)) {
            sender.begin(SampleImage.layout(10));
            assertThatThrownBy(() -> sender.finish(new Ending(List.of(), new byte[RootHash.BYTES])))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("another root hash");
        }
    }

    @Test
    void anAbortFromAnotherThreadEndsAWait() throws Exception {
        play(
                sender -> {
                    begin(sender);
                    testEnded.await();
                });
        SenderOptions patient =
                options(Duration.ofSeconds(20), Duration.ofSeconds(60), Duration.ofSeconds(20));
        try (Sender sender = connect(patient)) {
            CompletableFuture<IOException> failure = new CompletableFuture<>();
            CountDownLatch full = new CountDownLatch(WINDOW);
            Thread caller =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        try {
                                            sender.begin(SampleImage.layout(100));
                                            for (int i = 0; i < 100; i++) {
                                                sender.accept(
                                                        new SampleBatch().add(PageKind.ZERO, i, 1));
                                                full.countDown();
                                            }
                                        } catch (IOException e) {
                                            failure.complete(e);
                                        }
                                    });
            assertThat(full.await(20, TimeUnit.SECONDS)).isTrue();
            sender.abort("enough");
            assertThat(failure.get(20, TimeUnit.SECONDS)).hasMessageContaining("enough");
            assertThat(caller.join(Duration.ofSeconds(20))).isTrue();
        }
    }

    @Test
    void theReasonOfAnAbortReachesTheReceiver() throws Exception {
        CompletableFuture<Message> last = new CompletableFuture<>();
        play(
                sender -> {
                    begin(sender);
                    last.complete(sender.hear());
                });
        try (Sender sender = connect(OPTIONS)) {
            sender.begin(SampleImage.layout(10));
            sender.abort("the target died");
            sender.abort("a second time");
        }
        assertThat(last.get(20, TimeUnit.SECONDS)).isEqualTo(new Message.Abort("the target died"));
    }

    @Test
    void anInterruptEndsAWait() throws Exception {
        play(
                sender -> {
                    begin(sender);
                    testEnded.await();
                });
        try (Sender sender = connect(OPTIONS)) {
            sender.begin(SampleImage.layout(100));
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> sendFor(sender, 100)).hasMessageContaining("interrupted");
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    /**
     * Sends more than the window: fails with {@code words}, a regular expression, and so does every
     * later call; all is released.
     */
    private void assertFailsWhileSending(String words) throws Exception {
        try (Sender sender = connect(OPTIONS)) {
            sender.begin(SampleImage.layout(100_000));
            SampleBatch[] last = new SampleBatch[1];
            assertThatThrownBy(
                            () -> {
                                for (int i = 0; i < 100; i++) {
                                    last[0] = new SampleBatch().addRandom(i * 512L, 512, random);
                                    sender.accept(last[0]);
                                }
                            })
                    .isInstanceOf(IOException.class)
                    .hasMessageMatching(".*(" + words + ").*");
            assertThat(last[0].awaitRelease()).isTrue();
            SampleBatch later = new SampleBatch().add(PageKind.ZERO, 99_999, 1);
            assertThatThrownBy(() -> sender.accept(later))
                    .hasMessageMatching(".*(" + words + ").*");
            assertThat(later.awaitRelease()).isTrue();
            assertThatThrownBy(() -> sender.finish(new Ending(List.of(), new byte[RootHash.BYTES])))
                    .hasMessageMatching(".*(" + words + ").*");
        }
    }

    private static void sendFor(Sender sender, int batches) throws IOException {
        sender.begin(SampleImage.layout(100));
        for (int i = 0; i < batches; i++) {
            sender.accept(new SampleBatch().add(PageKind.ZERO, i, 1));
        }
    }

    private Sender connect(SenderOptions options) throws IOException {
        return connect(options, Clock.SYSTEM);
    }

    private Sender connect(SenderOptions options, Clock clock) throws IOException {
        InetSocketAddress address = (InetSocketAddress) listener.getLocalSocketAddress();
        MeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);
        return Sender.connect(address, "x", options, registry);
    }

    private void play(Script plays) {
        peer.execute(
                () -> {
                    try (RawPeer sender = new RawPeer(listener.accept())) {
                        plays.play(sender);
                        script.complete(null);
                    } catch (Exception e) {
                        script.completeExceptionally(e);
                    }
                });
    }

    private void begin(RawPeer sender) throws Exception {
        assertThat(sender.hear()).isInstanceOf(Message.Hello.class);
        sender.say(welcome());
        assertThat(sender.hear()).isInstanceOf(Message.LayoutPart.class);
        begun(sender);
    }

    /** Takes the lane and the layout. */
    private void begun(RawPeer sender) throws Exception {
        attached();
        sender.say(new Message.Begun());
    }

    private void attached() throws Exception {
        RawPeer lane = new RawPeer(listener.accept());
        lanes.add(lane);
        assertThat(lane.hear()).isInstanceOf(Message.Attach.class);
        lane.say(new Message.Attached());
    }

    /** Without further attempts, so that each test sees how the first one ends. */
    private static SenderOptions options(Duration connect, Duration stall, Duration idle) {
        return SenderOptions.DEFAULT
                .withLanes(1)
                .withTimeouts(new SenderOptions.Timeouts(connect, stall, idle))
                .withGiveUpAfter(Duration.ZERO);
    }

    private static Message welcome() {
        return new Message.HelloAck(
                Limits.VERSION, 1, 0, WINDOW, 2 << 20, 1024, 20_000, 1 << 20, 0);
    }
}
