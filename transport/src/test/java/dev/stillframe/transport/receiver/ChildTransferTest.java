package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ParentMissingException;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images of which the receiver has most pages already, in another image. */
@Timeout(60)
class ChildTransferTest {
    private static final int PAGE = SampleBatch.PAGE;

    /** All with contents; see {@link SampleImage}. */
    private static final int PAGES = 40;

    private static final int CHANGED = 5;
    private static final String NOWHERE = "ab".repeat(32);

    private final Random random = Seed.random();
    private final SampleImage parent = SampleImage.of(PAGES, random);
    private final SampleImage child = changed(parent);
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final byte[] token = new byte[Limits.TOKEN_BYTES];
    private @Nullable Receiver receiver;

    @TempDir private Path directory = Path.of("");

    @BeforeEach
    void start() throws IOException {
        random.nextBytes(token);
        receiver =
                Receiver.start(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        new StoreSinks(ImageStore.open(directory)),
                        ReceiverLimits.DEFAULT,
                        registry,
                        ReceiverEvents.NONE);
    }

    @AfterEach
    void stop() {
        receiver().close();
    }

    @Test
    void pagesOfTheParentAreNotSentAndTheImageIsTheSame() throws Exception {
        try (Sender sender = connect("parent", null)) {
            parent.send(sender, PAGES);
        }
        try (Sender sender = connect("child", rootHash(parent))) {
            sender.begin(child.layout());
            sender.accept(inParent(0, CHANGED));
            sender.accept(child.batch(CHANGED, CHANGED + 1));
            sender.accept(inParent(CHANGED + 1, PAGES));
            sender.finish(child.ending());
        }
        assertThat(sentPages("data")).isEqualTo(PAGES + 1);
        assertThat(sentPages("in_parent")).isEqualTo(PAGES - 1);
        Path image = directory.resolve("child");
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
        try (ImageReader reader = ImageReader.open(image);
                Arena arena = Arena.ofConfined()) {
            assertThat(reader.rootHash()).isEqualTo(child.ending().rootHash());
            assertThat(reader.parent()).isEqualTo(rootHash(parent));
            assertThat(reader.sharedPages()).isEqualTo(PAGES - 1);
            MemorySegment bytes = arena.allocate(child.pages().length, PAGE);
            reader.read(reader.layout().regions().getFirst().range(), bytes);
            assertThat(bytes.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(child.pages());
        }
    }

    @Test
    void withoutTheParentNothingIsBegun() throws Exception {
        assertThatThrownBy(() -> connect("child", NOWHERE))
                .isInstanceOf(ParentMissingException.class)
                .hasMessageContaining(NOWHERE)
                .hasMessageContaining("send child as a whole");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aPageThatTheParentDoesNotHaveIsRefused() throws Exception {
        try (Sender sender = connect("parent", null)) {
            parent.send(sender, PAGES);
        }
        try (Sender sender = connect("child", rootHash(parent))) {
            sender.begin(child.layout());
            sender.accept(new SampleBatch().addInParent(0, hashes(child, CHANGED, CHANGED + 1)));
            assertThatThrownBy(() -> sender.finish(child.ending()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("has something else there");
        }
        assertThat(directory.resolve("child")).doesNotExist();
    }

    @Test
    void anImageWithoutAParentHasNoPagesInOne() throws Exception {
        try (Sender sender = connect("child", null)) {
            sender.begin(child.layout());
            sender.accept(inParent(0, 1));
            assertThatThrownBy(() -> sender.finish(child.ending()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("this image has none");
        }
        assertThat(directory.resolve("child")).doesNotExist();
    }

    @Test
    void whatWasCheckedAgainstOneParentIsNotTakenUpWithAnother() throws Exception {
        try (Sender sender = connect("one", null)) {
            parent.send(sender, PAGES);
        }
        try (Sender sender = connect("other", null)) {
            child.send(sender, PAGES);
        }
        try (RawPeer peer = raw();
                RawPeer lane = raw()) {
            hello(peer, 1, 0, rootHash(parent));
            assertThat(peer.hear()).isInstanceOf(Message.HelloAck.class);
            peer.say(Siege.part(Siege.json(child.layout())));
            lane.say(new Message.Attach(Limits.VERSION, 1, 1, 30_000, token, new byte[32]));
            assertThat(lane.hear()).isEqualTo(new Message.Attached());
            assertThat(peer.hear()).isEqualTo(new Message.Begun());
            lane.say(Frames.of(1, inParent(0, CHANGED), PAGE));
            Message durable = peer.hear();
            while (durable instanceof Message.Credit) {
                durable = peer.hear();
            }
            assertThat(durable).isEqualTo(new Message.Durable(1));
            peer.reset();
        }
        try (RawPeer peer = raw()) {
            hello(peer, 2, 1, rootHash(child));
            Siege.assertError(peer, ErrorCode.GONE);
        }
        try (RawPeer peer = raw()) {
            hello(peer, 3, 1, rootHash(parent));
            assertThat(peer.hear())
                    .isInstanceOfSatisfying(
                            Message.HelloAck.class, ack -> assertThat(ack.durable()).isEqualTo(1));
        }
    }

    private void hello(RawPeer peer, int attempt, long durable, String parentHash)
            throws IOException {
        peer.say(
                new Message.Hello(
                        Limits.VERSION,
                        Limits.VERSION,
                        1,
                        30_000,
                        64 << 20,
                        durable,
                        attempt,
                        token,
                        new byte[Limits.NONCE_BYTES],
                        new byte[32],
                        HexFormat.of().parseHex(parentHash),
                        "child"));
    }

    private Receiver receiver() {
        if (receiver == null) {
            throw new IllegalStateException("not started");
        }
        return receiver;
    }

    private RawPeer raw() throws IOException {
        InetSocketAddress address = (InetSocketAddress) receiver().address();
        return new RawPeer(new Socket(address.getAddress(), address.getPort()));
    }

    private Sender connect(String name, @Nullable String parentHash) throws IOException {
        return Sender.connect(
                receiver().address(),
                new Sender.Announced(name, parentHash),
                SenderOptions.DEFAULT,
                new RateLimit(RateLimit.UNLIMITED),
                registry);
    }

    private double sentPages(String kind) {
        return registry.get("stillframe.transport.pages")
                .tag("side", "sender")
                .tag("kind", kind)
                .counter()
                .count();
    }

    private SampleBatch inParent(int first, int end) {
        return new SampleBatch().addInParent(first, hashes(parent, first, end));
    }

    private static byte[] hashes(SampleImage image, int first, int end) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(PAGE, PAGE);
            MemorySegment all = arena.allocate((long) (end - first) * PageHash.BYTES, Long.BYTES);
            for (int at = first; at < end; at++) {
                page.copyFrom(MemorySegment.ofArray(image.pages()).asSlice((long) at * PAGE, PAGE));
                new PageHash().hash(page, 0, PAGE, all, (long) (at - first) * PageHash.BYTES);
            }
            return all.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static String rootHash(SampleImage image) throws IOException {
        return HexFormat.of().formatHex(image.ending().rootHash());
    }

    private static SampleImage changed(SampleImage before) {
        byte[] pages = before.pages().clone();
        Arrays.fill(pages, CHANGED * PAGE, (CHANGED + 1) * PAGE, (byte) 1);
        return new SampleImage(before.layout(), pages);
    }
}
