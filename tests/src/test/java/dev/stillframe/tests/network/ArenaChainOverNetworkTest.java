package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.nativearena.NativeArena;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.tests.Seed;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * An arena and what was written to it since, image after image to a receiver: there each is the
 * arena at its instant, though the connections are cut in the middle.
 */
@Timeout(300)
class ArenaChainOverNetworkTest {
    private static final int PAGE = MemoryArena.PAGE_BYTES;
    private static final int PAGES = 4096;
    private static final int IMAGES = 6;

    private static final SenderOptions SENDING =
            SenderOptions.DEFAULT.withLanes(2).withGiveUpAfter(Duration.ofMinutes(1));

    private final RandomGenerator random = Seed.random("ArenaChainOverNetworkTest");
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    @TempDir private Path directory;

    @Test
    void ofAnEmulatedArena() throws Exception {
        try (MemoryArena arena = MemoryArena.emulated("test", (long) PAGES * PAGE)) {
            everyImageIsTheArena(arena);
        }
    }

    @Test
    void ofANativeArena() throws Exception {
        try (MemoryArena arena = NativeArena.watched("test", (long) PAGES * PAGE)) {
            everyImageIsTheArena(arena);
        }
    }

    private void everyImageIsTheArena(MemoryArena arena) throws Exception {
        try (HostileNetwork network = new HostileNetwork();
                StoreReceiver receiver = StoreReceiver.on(directory, 0);
                Link link = network.link(receiver.address(), NetworkPlan.CALM)) {
            scatter(arena, PAGES);
            ArenaReport last = arena.snapshot(new Cutting(connect(link, "image-0", null), link));
            assertIsTheArena(receiver.place("image-0"), arena, false);
            for (int turn = 1; turn < IMAGES; turn++) {
                String name = "image-" + turn;
                scatter(arena, 100);
                PageSink sink = new Cutting(connect(link, name, last), link);
                last = arena.snapshotSince(last, sink, ArenaOptions.DEFAULT);
                assertThat(last.pages()).as("changed pages").isBetween(1L, 100L);
                assertIsTheArena(receiver.place(name), arena, true);
            }
            assertThat(registry.counter("stillframe.transport.reconnects").count())
                    .as("attempts after the first, each image's")
                    .isGreaterThanOrEqualTo(IMAGES);
        }
    }

    private static void assertIsTheArena(Path place, MemoryArena arena, boolean isChild)
            throws IOException {
        try (MemoryArena restored = MemoryArena.emulated("restored", arena.sizeBytes());
                ImageReader image = ImageReader.open(place)) {
            restored.restore(place);
            assertThat(restored.reading().mismatch(arena.reading()))
                    .as("the first byte of %s that is wrong", place)
                    .isEqualTo(-1);
            assertThat(image.sharesPages()).isEqualTo(isChild);
        }
    }

    private Sender connect(Link link, String name, @Nullable ArenaReport parent)
            throws IOException {
        return Sender.connect(
                link.address(),
                new Sender.Announced(name, parent == null ? null : parent.rootHash()),
                SENDING,
                new RateLimit(RateLimit.UNLIMITED),
                registry);
    }

    private void scatter(MemoryArena arena, int count) {
        for (int i = 0; i < count; i++) {
            long at = random.nextInt(PAGES) * (long) PAGE + 8L * random.nextInt(PAGE / 8);
            arena.putLong(at, random.nextInt(3));
        }
    }

    /** Loses all connections when some batches are on their way. */
    private static final class Cutting extends ForwardingSink {
        private final Link link;
        private int batches;

        Cutting(PageSink next, Link link) {
            super(next);
            this.link = link;
        }

        @Override
        public void accept(PageBatch batch) throws IOException {
            super.accept(batch);
            if (++batches == 3) {
                link.cut();
            }
        }
    }
}
