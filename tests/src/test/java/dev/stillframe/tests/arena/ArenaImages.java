package dev.stillframe.tests.arena;

import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.nativearena.NativeArena;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.image.MemoryImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** An arena and its images, one after the other. Owned by one thread; the arena is everybody's. */
interface ArenaImages extends AutoCloseable {
    /** Of which. */
    MemoryArena arena();

    /** What the next image holds, valid until the next one is taken. */
    MemorySegment next() throws IOException;

    @Override
    void close() throws IOException;

    /** How to get them. */
    enum Flavour {
        /** Whole images of an emulated arena. */
        EMULATED,
        /** Whole images of a native arena. */
        NATIVE,
        /** Chains of a whole image and changes of a native arena. */
        WATCHED;

        /** {@code folder} is for images on disk, and for nothing else. */
        ArenaImages open(String name, long sizeBytes, Path folder) throws IOException {
            return switch (this) {
                case EMULATED -> new Whole(MemoryArena.emulated(name, sizeBytes));
                case NATIVE -> new Whole(NativeArena.create(name, sizeBytes));
                case WATCHED -> new Chained(name, sizeBytes, folder);
            };
        }
    }

    /** Each for itself, in memory, with as little staging as can be. */
    final class Whole implements ArenaImages {
        private static final Duration PATIENCE = Duration.ofSeconds(30);
        private static final ArenaOptions OPTIONS =
                new ArenaOptions(ArenaOptions.MIN_STAGING_BYTES, PATIENCE, PATIENCE);

        private final MemoryArena arena;
        private @Nullable MemoryImage last;

        Whole(MemoryArena arena) {
            this.arena = arena;
        }

        @Override
        public MemoryArena arena() {
            return arena;
        }

        @Override
        public MemorySegment next() throws IOException {
            freeLast();
            MemoryImage image = new MemoryImage();
            last = image;
            arena.snapshot(image, OPTIONS);
            if (!image.ending().missing().isEmpty()) {
                throw new AssertionError("missing in the image: " + image.ending().missing());
            }
            return image.read(new AddressRange(0, arena.sizeBytes()));
        }

        private void freeLast() {
            if (last != null) {
                last.free();
                last = null;
            }
        }

        @Override
        public void close() {
            freeLast();
            arena.close();
        }
    }

    /** On disk, each restored with its parents into another arena. */
    final class Chained implements ArenaImages {
        private static final int LENGTH = 8;

        private final NativeArena arena;
        private final NativeArena restored;
        private final Path folder;
        private ImageChain chain;
        private int taken;

        Chained(String name, long sizeBytes, Path folder) throws IOException {
            this.folder = folder;
            arena = NativeArena.watched(name, sizeBytes);
            restored = NativeArena.create("restored", sizeBytes);
            chain = new ImageChain(arena, folder);
        }

        @Override
        public MemoryArena arena() {
            return arena;
        }

        @Override
        public MemorySegment next() throws IOException {
            switch (taken++ % LENGTH) {
                case 0 -> begin();
                case LENGTH - 3 -> chain.changesSinceWhole(); // and two more since that one
                default -> chain.changes();
            }
            chain.restoreTo(restored);
            return restored.reading();
        }

        private void begin() throws IOException {
            DirectoryTree.delete(folder);
            Files.createDirectories(folder);
            chain = new ImageChain(arena, folder);
            chain.whole();
        }

        @Override
        public void close() {
            restored.close();
            arena.close();
        }
    }
}
